"""THE TABLE: every operator of autodiff, one row each.  What a row is stands in _op.py.

`x` or `a, b, c` are operands, `y` the result, `g` the cotangent.  A rule is a formula over other rows; it is read three
times: printed as C, run on tensors for higher orders, recorded in a traced program.  So it must itself have derivatives, and
they must be finite and accurate wherever the true ones are.

Its parts, each of which may use those before it: elementwise.py, structural.py, formulas.py.  Elsewhere a row is ops.<name>.
"""

from ._op import *  # noqa: F403
from ._op import number_rows
from .elementwise import *  # noqa: F403
from .structural import *  # noqa: F403
from .formulas import *  # noqa: F403, I001

ROWS = number_rows(globals())
