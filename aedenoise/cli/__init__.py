"""The command line: flags generated from the configuration, commands, help."""
