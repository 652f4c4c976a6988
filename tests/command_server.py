"""Runs commands of aedenoise in forks of a process that has imported everything already.

python tests/command_server.py

Each line of the input is a JSON object with the arguments, folder, environment, output files and
time limit of one command; each line of the output is its exit code, or null after the time limit.
A command that starts by itself spends three seconds of processor time on imports, as much as a
small run takes for its training.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import runpy
import signal
import sys
import time
import traceback
from typing import Any, NoReturn

import aedenoise


def preload() -> None:
    """Imports every module of the package but the command line itself."""
    for module in pkgutil.walk_packages(aedenoise.__path__, "aedenoise."):
        if module.name not in ("aedenoise.main", "aedenoise.__main__"):
            __import__(module.name)


def wait(child: int, seconds: float) -> int | None:
    """Returns the exit code as ``subprocess`` has it; None where the child was too slow."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def become(request: dict[str, Any], answers: int) -> None:
    """Gives a fork the arguments, folder, environment and output files of its command."""
    os.close(answers)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, path in enumerate((os.devnull, request["stdout"], request["stderr"])):
        opened = os.open(path, flags if number else os.O_RDONLY)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["aedenoise", *request["arguments"]]


def run() -> NoReturn:
    """Runs the command line and leaves as an interpreter would, but frees no modules."""
    code: Any = 0
    try:
        runpy.run_module("aedenoise.main", run_name="__main__", alter_sys=True)
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code or 0))


def serve() -> None:
    """Answers requests until the input ends."""
    answers = os.dup(1)
    os.dup2(2, 1)
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        child = os.fork()
        if not child:
            become(request, answers)
            run()
        os.write(answers, f"{json.dumps(wait(child, request['timeout']))}\n".encode())


if __name__ == "__main__":
    del sys.path[0]  # the tests; a command finds its modules in PYTHONPATH
    preload()
    serve()
