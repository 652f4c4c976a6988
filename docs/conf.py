"""Configuration of the documentation site, built by ``make docs``.

The source folder is the whole checkout, so that a link between two pages, to a report or to a file
is the same on the site as in the repository. A build needs no network.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import aedenoise  # noqa: E402

project = "aedenoise"
author = project_copyright = "The aedenoise developers"
release = version = aedenoise.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "docs/index"
include_patterns = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("docs/**.md", "aedenoise/**.md", "experiments/**.md"),
]
exclude_patterns = [".*", "build", "dist", "runs"]

# Headings have the anchors that code-hosting sites give them.
myst_heading_anchors = 4
# The generated reports start with their tables, below a heading of the second or third level.
suppress_warnings = ["myst.header"]
TITLES = {
    "experiments/results/decoder_budget/tables": "Decoders and training length",
    "experiments/results/invent/mnist": "Label flips of digits",
    "experiments/results/invent/mnist-maps": "Maps of other digits",
    "experiments/results/invent/notmnist": "Label flips of letters",
    "experiments/results/invent/notmnist-maps": "Maps of other letters",
    "experiments/results/own_rates/tables": "Each decoder at its own learning rate",
    "experiments/results/own_rates_long/tables": "Own learning rates after 4,000 steps",
    "experiments/results/own_rates_long_noise/tables": "The same at less noise",
    "experiments/results/own_rates_mnist/tables": "Own learning rates on digits",
    "experiments/results/own_rates_noise/tables": "Own learning rates at other noise levels",
    "experiments/results/skips/tables": "Skip connections on photographs",
    "experiments/results/upsample_vs_transpose/tables": "Tables of the study",
}

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 240  # seconds per cell, for busy machines
nb_merge_streams = True
# Kernels neither read the user's start-up files nor warn of their sockets, which are local.
_ipython = ROOT / "build" / "ipython"
(_ipython / "profile_default").mkdir(parents=True, exist_ok=True)
(_ipython / "profile_default" / "ipython_kernel_config.py").write_text(
    'c.IPKernelApp.log_level = "ERROR"\n', encoding="utf-8"
)
os.environ["IPYTHONDIR"] = str(_ipython)
# Kernels import the package of this checkout, installed or not.
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])

autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
napoleon_numpy_docstring = False
# As a list in the docstring of the class: an entry of its own for each would repeat the signature.
napoleon_custom_sections = [("Attributes", "params_style")]

html_theme = "sphinx_book_theme"
html_title = "aedenoise"
html_show_sourcelink = False
html_theme_options = {"show_toc_level": 2, "use_download_button": False, "navbar_persistent": []}
html_extra_path = ["site"]


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", edit_source)
    # Before Sphinx collects downloads, at its default priority of 500.
    app.connect("doctree-read", copy_linked_files, priority=100)
    app.connect("autodoc-skip-member", skip_attributes)
    app.connect("autodoc-process-docstring", drop_docstring_of_type)
    app.connect("autodoc-process-signature", drop_arguments_of_flax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def edit_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Adds titles to generated reports, and the download of the executed notebook to notebooks."""
    if docname in TITLES:
        source[0] = f"# {TITLES[docname]}\n\n{source[0]}"
    if docname.startswith("docs/notebooks/"):
        download = f"{{nb-download}}`{Path(docname).name}.ipynb`"
        source[0] = re.sub(
            r"^(# \d.*)$", rf"\1\n\n{download}", source[0], count=1, flags=re.MULTILINE
        )


def copy_linked_files(app: Sphinx, doctree: nodes.document) -> None:
    """Copies linked files to the place that they have in the repository, so that links hold.

    Sphinx would offer them as downloads, but a browser shows pictures, JSON and the page that
    denoises. A link to a folder becomes plain text.
    """
    folder = Path(app.env.doc2path(app.env.docname)).parent
    for node in list(doctree.findall(addnodes.download_reference)):
        if node["reftarget"].startswith("/"):
            continue  # an executed notebook
        file = (folder / node["reftarget"]).resolve()
        copy = Path(app.outdir) / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        app.env.note_dependency(str(file))
        node.replace_self(nodes.reference("", "", *node.children, refuri=node["reftarget"]))
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node["reftype"] == "myst" and (folder / node["reftarget"]).is_dir():
            node.replace_self(node.children)


def skip_attributes(
    app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object
) -> bool | None:
    """Skips attributes but methods and properties: the docstring of their class has them."""
    kept = callable(thing) or isinstance(thing, (property, functools.cached_property))
    return True if what == "class" and not kept else None


def drop_docstring_of_type(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Drops the docstring of ``tuple`` or ``str`` from a constant; docs/api has its description."""
    if what == "data":
        lines.clear()


def drop_arguments_of_flax(
    app: Sphinx, what: str, name: str, thing: object, options: object, signature: str, returns: str
) -> tuple[str, str] | None:
    """Drops ``parent`` and ``name``, which Flax adds to every module, from a signature."""
    shorter = re.sub(r",? ?parent: .*, name: .*\)$", ")", signature or "")
    return (shorter, returns) if shorter != (signature or "") else None
