"""The suite runs on the core that is built in this folder, from the table that is in this folder."""

import importlib.util
import os
import signal
import sys

import hypothesis
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(ROOT, "csrc"))  # where generate.py finds rule_text.py

# No deadline: under the sanitizers everything takes ten times as long.  The same examples every time: what fails for one
# fails for all.
hypothesis.settings.register_profile("autodiff", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("autodiff")


def generator():
    """csrc/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate", os.path.join(ROOT, "csrc", "generate.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pytest_configure(config):
    # `make test &` in a script leaves SIGINT ignored, and so do our child processes: a test of KeyboardInterrupt would then
    # record until the memory is full.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        import autodiff
    except Exception:  # every test that needs it says why, in full
        return
    if os.path.dirname(os.path.dirname(autodiff.__file__)) != ROOT:
        raise pytest.UsageError(f"autodiff is imported from {autodiff.__file__}, not from {ROOT}: run make test")
    if autodiff._core.TABLE_HASH != generator().table_hash():
        raise pytest.UsageError("the core was built from another table than autodiff/ops.py now is: run make build")
