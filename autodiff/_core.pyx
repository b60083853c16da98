# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: c_api_binop_methods=True, embedsignature=True, auto_pickle=False, binding=False
"""The core: tensors, the programs that record them, and the reverse sweep.

What happens on `a * b`: `binary` (_operators.pxi) makes tensors of both sides, computes the value, and, if the thread has a
current program, appends an instruction to it (_program.pxi); arrays and other rows go through `elementwise` and `structural`
(_apply.pxi).  Nothing but the result is a Python object.  `tape.gradient` (_tape.pxi) seeds adjoints and runs the reverse
sweep: in C where nobody records the gradient itself (_sweep.pxi, csrc/program.c), by the table's rules on tensors where
somebody does (_rules.pxi).
"""

import warnings
from copy import deepcopy
from gc import collect as collect_garbage

import numpy as np

cimport cython
cimport numpy as cnp
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.long cimport PyLong_AsDouble, PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.object cimport Py_TYPE, PyObject, PyTypeObject
from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from . import dtypes, errors, ops
from ._op import TUPLES
from .nest import flatten as nest_flatten
from .nest import pack_sequence_as as nest_pack
from .places import user_frames, user_place
from .shapes import TensorShape
from .tape import explain

cnp.import_array()

include "_program.pxi"
include "_tensor.pxi"
include "_values.pxi"
include "_operands.pxi"
include "_apply.pxi"
include "_operators.pxi"
include "_index.pxi"
include "_variable.pxi"
include "_tape.pxi"
include "_tape_memory.pxi"
include "_with.pxi"
include "_asked.pxi"
include "_sweep.pxi"
include "_rules.pxi"
include "_push.pxi"
include "_front.pxi"
include "_listing.pxi"
include "_replay.pxi"
include "_jacobian.pxi"
include "_pattern.pxi"
include "_memory.pxi"
include "_onefold.pxi"
include "_twofold.pxi"
include "_forms.pxi"
include "_stabilise.pxi"
include "_watch.pxi"
include "_tracing.pxi"
include "_traces.pxi"
include "_plan.pxi"
include "_followed.pxi"
include "_checking.pxi"
include "_plan_listing.pxi"
include "_stored.pxi"
include "_function.pxi"
