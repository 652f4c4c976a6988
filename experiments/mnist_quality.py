"""In how few epochs does keras.io's network reach keras.io's best test BCE of 0.0837?

python -m aedenoise.main --experiment=mnist_quality
python -m aedenoise.main --experiment=mnist_quality --decoder=upsample --workdir=runs/quality_up
"""

from dataclasses import replace

from . import part3_mnist_transpose

# There: 50 epochs without noise, then 100 with noise that was drawn once. Here: the default
# recipe, fresh noise in every step, and no epoch without it.
EXPERIMENT = replace(part3_mnist_transpose.EXPERIMENT, name="mnist_quality", epochs=15)
