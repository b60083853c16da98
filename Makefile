# make demo      the whole thing on one screen
# make test      the test suite; MORE="nutpie torch jax keras" installs what some tests want and is no matter of seconds
# make build     the core, compiled in place: what changed since the last time
# make nightly   every elementwise row against its bounds at POINTS points (100000), on every instruction set of this machine: ROWS="exp erf", or all
# make oldest    the test suite (or TESTS=...) with the oldest NumPy and the fewest packages that it may meet
# make debian    the test suite on another Debian, as root, with debootstrap: SUITE=trixie (Python 3.13) or sid (the newest Python and GCC)
# make sanitize  the test suite (or TESTS=...) on a core with the address and undefined-behaviour sanitizers
# make bench     against TensorFlow and the others; downloads about 1 GB the first time
# make clean     remove what was built (the environments are .venv, .venv-bench and .venv-oldest)
#
# Nothing is installed outside this folder.  PYTHON=python3.12 chooses an interpreter.

PYTHON ?= python3
TESTS ?= tests
POINTS ?= 100000
SHELL = /bin/sh
VENV = .venv
IN = $(VENV)/bin/python
PIP = -m pip install -q --disable-pip-version-check
# What the core and the demo need; what only tests do; and of that what has no wheel for every platform: what is missing is said, its
# tests are skipped.
NEEDS = "setuptools>=77" "cython>=3.1" "numpy>=2" scipy
TESTED = pytest hypothesis mpmath python-flint distributed matplotlib pandas scikit-learn tqdm emcee mypy
MAY = iminuit nlopt cyipopt-wheels
PEERS = tensorflow-cpu torch jax autograd casadi numexpr
BENCH = .venv-bench
# One build at a time, where the system can say so; packages for tests may be installed beside it.
FLOCK = $(shell command -v flock)
LOCKED = $(FLOCK:%=% setup.py)

# Without a home pip would make its cache in this folder.
ifeq ($(HOME),)
export PIP_NO_CACHE_DIR = 1
endif

.PHONY: demo test more nightly build oldest debian sanitize bench clean check

demo: build
	$(IN) examples/demo.py

test: build more
	$(IN) -m pytest -q $(TESTS)

more: $(VENV)/tested
	@test -z "$(MORE)" || $(IN) $(PIP) $(MORE)

nightly: build $(VENV)/tested
	PYTHONPATH=. $(IN) tests/nightly.py --points $(POINTS) $(ROWS)

# Byte code too: where Python may not write it (PYTHONDONTWRITEBYTECODE), an import would compile every module again, 40 ms.
build: $(VENV)/ready
	@$(LOCKED) sh -ec '$(IN) setup.py -q build_ext --inplace; $(IN) -m compileall -q autodiff'

# The folder itself goes on the environment's path (four levels above site-packages): an edit needs no installation.
$(VENV)/ready: Makefile $(if $(wildcard $(VENV)/ready),,check)
	@$(LOCKED) sh -ec '\
	  $(IN) -c "" 2> /dev/null || $(PYTHON) -m venv $(VENV); \
	  $(IN) $(PIP) $(NEEDS); \
	  cd $(VENV)/lib/python*/site-packages; echo ../../../.. > autodiff-tree.pth'
	@touch $@

$(VENV)/tested: $(VENV)/ready
	@$(FLOCK:%=% pyproject.toml) $(IN) $(PIP) $(TESTED)
	@for each in $(MAY); do $(IN) $(PIP) --only-binary :all: $$each || echo "autodiff: without $$each" >&2; done
	@touch $@

# Each of these on one line, before anything is downloaded.
check:
	@command -v $(PYTHON) > /dev/null || \
	  { echo "autodiff: no $(PYTHON). Debian, Ubuntu: apt install python3; Fedora: dnf install python3" >&2; exit 1; }
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || \
	  { echo "autodiff: $(PYTHON) is older than 3.10; choose another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" 2> /dev/null || \
	  { echo "autodiff: $(PYTHON) cannot make environments. Debian, Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -c "import os, sysconfig as s; os.stat(s.get_path('include') + '/Python.h')" 2> /dev/null || \
	  { echo "autodiff: Python.h is missing. Debian, Ubuntu: apt install python3-dev; Fedora: dnf install python3-devel" >&2; exit 1; }
	@command -v cc > /dev/null || \
	  { echo "autodiff: no C compiler (cc). Debian, Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc" >&2; exit 1; }
	@echo '#include <stdlib.h>' | cc -E - > /dev/null 2>&1 || \
	  { echo "autodiff: cc finds no stdlib.h. Debian, Ubuntu: apt install libc6-dev; Fedora: dnf install glibc-devel" >&2; exit 1; }

# The core that is built here, in an environment of its own: what prints as NumPy 2 does, is of kernels, threads and memory alone, or needs
# other packages, is not tested again.
OLDEST = .venv-oldest
AGAIN = packaging types doctests examples benchmarks distributed scalar_math twofold twofold_replay onefold precise_rows cross_entropy powers lanes \
        rows fused_loops structural_kernels visualize allocations corpus function_random precise_tapes program_oracle replayed_bits tape_life threads trust
oldest: build $(OLDEST)/ready
	PYTHONPATH=. $(OLDEST)/bin/python -m pytest -q -p no:cacheprovider $(AGAIN:%=--ignore=tests/test_%.py) -k "not grows_no_memory" $(TESTS)

$(OLDEST)/ready: Makefile
	@$(OLDEST)/bin/python -c "" 2> /dev/null || $(PYTHON) -m venv $(OLDEST)
	@$(OLDEST)/bin/python $(PIP) 'numpy==1.26.*' scipy pytest hypothesis mpmath python-flint
	@touch $@

SUITE ?= trixie
debian:
	tests/on_debian.sh $(SUITE)

# On a copy, so that the sanitized core never stands where the other is expected.  The copy keeps its objects.  Packaging is
# tested with the ordinary core only: its tests run pip and compilers, not ours.  Pytest must leave the sanitizers what they
# need to speak: the file descriptor (--capture=sys), the signal of a bad access (no faulthandler); and C++'s library comes with
# them, or the first exception of a solver that is written in it ends all.  They keep freed memory back to catch its use, so what
# a loop takes of it can only be measured without them.  How accurate kernels are is measured without them too, that being mpmath's and
# the balls' time: at the same points they run in the test of vectors and their tails, twofold ones in replays of every row (but one, whose
# balls take a minute).  The test of structural kernels compiles them by itself.
COPY = build/sanitize
COPIED = autodiff csrc tests examples benchmarks docs setup.py pyproject.toml README.md LICENSE
sanitize: $(VENV)/tested
	@test -f "`cc -print-file-name=libasan.so`" || \
	  { echo "autodiff: no libasan. Debian, Ubuntu: apt install gcc; Fedora: dnf install libasan libubsan" >&2; exit 1; }
	@$(LOCKED) sh -ec '\
	  mkdir -p $(COPY); cd $(COPY); rm -rf $(COPIED); \
	  for each in $(COPIED); do test ! -e ../../$$each || cp -pR ../../$$each .; done; \
	  rm -f autodiff/*.so; \
	  AUTODIFF_SANITIZE=1 ../../$(IN) setup.py -q build_ext --inplace'
	cd $(COPY) && LD_PRELOAD="`cc -print-file-name=libasan.so` `cc -print-file-name=libstdc++.so.6`" ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc PYTHONPATH=. \
	  ../../$(IN) -m pytest -q --capture=sys -p no:faulthandler --ignore=tests/test_packaging.py --ignore=tests/test_structural_kernels.py -k "not (what_balls_give and igamma_by_a_twice) and not grows_no_memory and not as_accurate_as and not thousand_points and not over_the_whole_format and not beyond_their_bound and not contains_the_true_value" $(TESTS)

# The peers get an environment of their own; one that this interpreter has no wheel of is left out.
bench: build $(BENCH)/ready
	$(BENCH)/bin/python -m benchmarks

$(BENCH)/ready:
	@$(BENCH)/bin/python -c "" 2> /dev/null || $(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python $(PIP) 'numpy>=1.26' scipy matplotlib
	@for peer in $(PEERS); do \
	  $(BENCH)/bin/python $(PIP) --only-binary :all: $$peer || \
	  $(BENCH)/bin/python $(PIP) $$peer || echo "autodiff: without $$peer" >&2; done
	@touch $@

clean:
	rm -rf build dist autodiff/_core.c autodiff/*.so csrc/generated *.egg-info
