"""One file per system. Each serves ``protocol.Worker``: it sets up, warms up, and then times
what it is asked for. All but ``aedenoise_worker`` use nothing of this project, so that they run
in the environment of the system they time."""
