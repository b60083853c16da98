# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: c_api_binop_methods=True, embedsignature=True, auto_pickle=False, binding=False
"""The core: tensors, the programs that record them, and the reverse sweep.

What happens on `a * b`: `binary` (core/operators.pxi) makes tensors of both sides, computes the value, and, if the thread has a
current program, appends an instruction to it (core/program.pxi); arrays and other rows go through `elementwise` and `structural`
(core/apply.pxi).  Nothing but the result is a Python object.  `tape.gradient` (core/tape.pxi) seeds adjoints and runs the reverse
sweep: in C where nobody records the gradient itself (core/sweep.pxi, csrc/program.c), by the table's rules on tensors where
somebody does (core/rules.pxi).
"""

import warnings
from copy import deepcopy
from gc import collect as collect_garbage

import numpy as np

cimport cython
cimport numpy as cnp
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE
from cpython.exc cimport PyErr_Clear, PyErr_Occurred
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.long cimport PyLong_AsDouble, PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.object cimport Py_TYPE, PyObject, PyTypeObject
from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.math cimport isinf
from libc.stdint cimport INT32_MAX, INT32_MIN
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

include "core/program.pxi"
include "core/array_methods.pxi"
include "core/tensor.pxi"
include "core/values.pxi"
include "core/operands.pxi"
include "core/lapack.pxi"
include "core/apply.pxi"
include "core/operators.pxi"
include "core/index.pxi"
include "core/index_arrays.pxi"
include "core/variable.pxi"
include "core/tape.pxi"
include "core/tape_memory.pxi"
include "core/with.pxi"
include "core/asked.pxi"
include "core/sweep.pxi"
include "core/rules.pxi"
include "core/push.pxi"
include "core/front.pxi"
include "core/listing.pxi"
include "core/replay.pxi"
include "core/jacobian.pxi"
include "core/pattern.pxi"
include "core/memory.pxi"
include "core/onefold.pxi"
include "core/twofold.pxi"
include "core/forms.pxi"
include "core/stabilise.pxi"
include "core/watch.pxi"
include "core/tracing.pxi"
include "core/traces.pxi"
include "core/plan.pxi"
include "core/followed.pxi"
include "core/checking.pxi"
include "core/plan_listing.pxi"
include "core/stored.pxi"
include "core/kinds.pxi"
include "core/function.pxi"
include "core/points.pxi"
