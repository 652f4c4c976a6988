"""How fast is aedenoise, and against whom?"""
