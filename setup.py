"""Builds autodiff._core: the table printed as C, the core cythonized, every object compiled that its inputs have outdated.

    python setup.py build_ext --inplace                      what `make build` runs
    AUTODIFF_SANITIZE=1 python setup.py build_ext --inplace  with the address and undefined-behaviour sanitizers

setuptools alone recompiles all objects or none, one after another; here the compiler itself lists what each object read
(-MD), and four compile at a time.  The rest of the metadata is in pyproject.toml.
"""

import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

os.chdir(os.path.dirname(os.path.abspath(__file__)))

SANITIZE = os.environ.get("AUTODIFF_SANITIZE", "0") not in ("", "0")
FLAGS = "-std=c11 -fno-math-errno -fno-trapping-math -ffp-contract=off -fvisibility=hidden -Wno-unused-function".split()
FLAGS += ["-Wno-misleading-indentation"]  # of generated lines too long for GCC to look at, which it would say at length
FLAGS += ["-Wno-unknown-pragmas", "-Wno-bitwise-conditional-parentheses"]  # Clang: GCC's pragmas; a | b ? c : d, which is meant
# ISO C alone hides posix_memalign; newer compilers refuse an undeclared function, so every one should
FLAGS += ["-D_POSIX_C_SOURCE=200809L", "-Werror=implicit-function-declaration"]
# -UNDEBUG: the sanitized build is the one that checks the core's asserts
# (Without a check of each pointer for NULL, which the processor makes too, and of objects' sizes and sums of pointers, which end in the address
# sanitizer where they do harm; that one asked by calls: files take half as long.)
CHECKED = "-O1 -g1 -UNDEBUG -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=null,object-size,pointer-overflow".split()
CHECKED += "-fno-sanitize-recover=all --param asan-instrumentation-with-call-threshold=0".split()
FLAGS += CHECKED if SANITIZE else ["-O3", "-g0"]
CYTHON = [*sorted(glob.glob("autodiff/core/*.pxi")), "autodiff/_core.pxd", "autodiff/_core.pyx"]
C = sorted(glob.glob("csrc/**/*.c", recursive=True))
# By the end of a file's name: what it may use that not every processor has (which table is used is chosen at import, csrc/table.c).
ISAS = {"avx2": ["-mavx2", "-mfma"], "fma": ["-mavx2", "-mfma"],
        "avx512": "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mprefer-vector-width=512".split()}  # fmt: skip
# (Functions begin on a line of the cache: what was linked before them made a loop of 10 lines a quarter slower, or faster.)
ISAS = {isa: [*flags, "-falign-functions=64"] for isa, flags in ISAS.items()}
FLAGS_OF = {source: ISAS.get(source[:-2].rpartition("_")[2], []) for source in C} if platform.machine() == "x86_64" else {}
# Where both sides of a choice between numbers share a part, GCC's elimination of partial redundancies makes ways of them again, and a
# loop has no vectors: atan2 took 6 times as long, erfc of twofold numbers too.  (Without vectors of 64-bit masks, baseline, it gains more
# than it loses.)
GCC_FLAGS_OF = {f"csrc/{name}_{isa}.c": ["-fno-tree-pre"]
                for name in ("elementwise", "twofold/onefold", "twofold/twofold", "twofold/special") for isa in ("avx2", "avx512")}  # fmt: skip
# Vectors side by side (AD_BESIDE) are computed one after the other unless what is unrolled has registers of its own and is scheduled before
# they are given out: erfc takes 1.35 times as long without these three, pow 1.4 times.  (Special functions of twofold numbers are too long for
# it: with AVX2 they spill, lgamma takes 1.45 times as long, and their file five times.)
GCC_FLAGS_OF |= {f"csrc/{name}_{isa}.c": [*GCC_FLAGS_OF.get(f"csrc/{name}_{isa}.c", []), "-fweb", "-fschedule-insns", "-fsched-pressure"]
                 for name in ("elementwise", "rows", "twofold/onefold", "twofold/twofold") for isa in ("avx2", "avx512")}  # fmt: skip
# What Cython writes is no faster with -O3, and takes a third longer to compile.  Nobody waits for a sanitized scalar; and nearly every line of
# Cython's reads a Python object, which Python has aligned: each would be another half a minute.
CHECKED_FLAGS_OF = {"csrc/scalars_baseline.c": ["-O0"], "csrc/scalars_fma.c": ["-O0"], "autodiff/_core.c": ["-fno-sanitize=alignment"]}
# (A chain's steps are not to stand on each other; and are floating point alone, of which only the addresses can be wrong.)
CHECKED_FLAGS_OF |= {f"csrc/chain_{isa}.c": ["-foptimize-sibling-calls", "-fno-sanitize=undefined"] for isa in ("baseline", "avx2", "avx512")}
OTHER_FLAGS_OF = CHECKED_FLAGS_OF if SANITIZE else {"autodiff/_core.c": ["-O2"]}
SLOW = re.compile(r"_core|elementwise_|scalars_|twofold_[abo]|special_|matmul_")  # to compile; first, so that nothing waits for one of them at the end


def newest(paths):
    return max(os.path.getmtime(path) for path in paths)


def run(command):
    """Run a command; when it fails, its own messages are enough: no traceback of ours."""
    if subprocess.run(command).returncode:
        sys.exit(f"autodiff: failed: {' '.join(command)}")


class Build(build_ext):
    def finalize_options(self):
        super().finalize_options()
        import numpy

        self.include_dirs += ["csrc", numpy.get_include()]

    def build_extensions(self):
        self.require_compiler()
        run([sys.executable, "csrc/generate.py"])
        self.cythonize()
        for ext in self.extensions:
            self.build_core(ext)

    def require_compiler(self):
        cc = self.compiler.compiler_so[0]
        if shutil.which(cc) is None:
            sys.exit(f"autodiff: no C compiler ({cc}). Debian, Ubuntu: apt install gcc libc6-dev; Fedora: dnf install gcc")
        command = [*self.compiler.compiler_so, "-E", "-"]
        if subprocess.run(command, input=b"#include <stdlib.h>", capture_output=True).returncode:
            sys.exit(f"autodiff: the C compiler ({cc}) finds no stdlib.h. Debian, Ubuntu: apt install libc6-dev; "
                     "Fedora: dnf install glibc-devel")  # fmt: skip
        header = os.path.join(sysconfig.get_path("include"), "Python.h")
        if not os.path.exists(header):
            sys.exit(f"autodiff: {header} is missing. Debian, Ubuntu: apt install python3-dev; Fedora: dnf install python3-devel")

    def cythonize(self):
        out = "autodiff/_core.c"
        if self.force or not os.path.exists(out) or os.path.getmtime(out) <= newest(CYTHON):
            start = time.time()
            run([sys.executable, "-m", "cython", "-3", "-I", "autodiff", "-o", out + ".new", "autodiff/_core.pyx"])
            os.utime(out + ".new", (start, start))
            os.replace(out + ".new", out)

    def flags_of_files(self, sources):
        """[what one file alone is compiled with, of each]"""
        is_clang = "clang" in subprocess.run([self.compiler.compiler_so[0], "--version"], capture_output=True, text=True).stdout
        tables = [FLAGS_OF, {} if is_clang else GCC_FLAGS_OF, OTHER_FLAGS_OF]
        return [[flag for table in tables for flag in table.get(source, [])] for source in sources]

    def build_core(self, ext):
        command = [*self.compiler.compiler_so, *FLAGS, "-DNPY_NO_DEPRECATED_API=NPY_1_7_API_VERSION"]
        command += [f"-I{path}" for path in self.include_dirs]
        sources = ["autodiff/_core.c", *C]
        objects = [os.path.join(self.build_temp, os.path.basename(source)[:-2] + ".o") for source in sources]
        os.makedirs(self.build_temp, exist_ok=True)
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            commands = [[*command, *flags] for flags in self.flags_of_files(sources)]
            files = sorted(zip(commands, sources, objects), key=lambda file: SLOW.search(file[1]) is None)
            changed = any([*pool.map(lambda file: self.compile(*file), files)])
        path = self.get_ext_fullpath(ext.name)
        if changed or self.force or not os.path.exists(path) or os.path.getmtime(path) < newest(objects):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            checked = [flag for flag in CHECKED if flag.startswith("-fsanitize")] if SANITIZE else []
            run([*self.compiler.linker_so, *objects, *checked, "-lm", "-o", path + ".new"])
            os.replace(path + ".new", path)

    def compile(self, command, source, output):
        """Compile one object unless it is newer than all it was made of; return whether it was compiled."""
        command = [*command, "-MD", "-MF", output + ".d", "-c", source, "-o", output]
        if not self.force and os.path.exists(output) and recorded(output) == " ".join(command):
            inputs = made_of(output)
            if all(map(os.path.exists, inputs)) and newest(inputs) < os.path.getmtime(output):
                return False
        start = time.time()
        run(command)
        os.utime(output, (start, start))  # an input edited while the compiler ran is newer than this
        with open(output + ".cmd", "w") as file:
            file.write(" ".join(command))
        return True

    def copy_extensions_to_source(self):
        """In place: replaced at once, since a running process may have the old one mapped, a starting one may be reading it."""
        for ext in self.extensions:
            place = self.get_ext_filename(ext.name)
            built = os.path.join(self.build_lib, place)
            if not os.path.exists(place) or os.path.getmtime(place) != os.path.getmtime(built):
                shutil.copy2(built, place + ".new")
                os.replace(place + ".new", place)


def recorded(output):
    """The command that made an object."""
    if not os.path.exists(output + ".cmd"):
        return None
    with open(output + ".cmd") as file:
        return file.read()


def made_of(output):
    """The files an object was compiled from, as the compiler listed them."""
    with open(output + ".d") as file:
        paths = re.findall(r"(?:\\.|[^\s\\])+", file.read().split(":", 1)[1])
    return [path.replace("\\ ", " ") for path in paths]


setup(ext_modules=[Extension("autodiff._core", C)], cmdclass={"build_ext": Build})
