"""Ipopt with sparse derivatives: the callbacks against closed forms and cyipopt itself, and what is not there is said."""

import builtins
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

import autodiff as ad

N = 30


def rosenbrock(x):
    return ad.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def bounded(x):
    return 3.0 * x[1:-1] ** 3 + 2.0 * x[2:] - 5.0 + ad.sin(x[1:-1] - x[2:]) * ad.sin(x[1:-1] + x[2:]) + 4.0 * x[1:-1] - x[:-2] * ad.exp(x[:-2] - x[1:-1]) - 3.0


def test_the_callbacks():
    problem, x = ad.IpoptProblem(rosenbrock, np.zeros(N), bounded, cl=0.0, cu=0.0), np.random.default_rng(0).normal(size=N)
    t = ad.constant(x)
    assert type(problem.objective(x)) is float and problem.objective(x) == float(rosenbrock(t))
    np.testing.assert_allclose(problem.gradient(x), ad.grad(rosenbrock)(t).numpy(), rtol=1e-14)
    np.testing.assert_array_equal(problem.constraints(x), bounded(t).numpy())
    whole = np.zeros((N - 2, N))
    whole[problem.jacobianstructure()] = problem.jacobian(x)
    np.testing.assert_allclose(whole, ad.jacobian(bounded)(t).numpy(), rtol=1e-13, atol=1e-14)
    assert len(problem.jacobianstructure()[0]) == 3 * (N - 2) and problem.jac.colors == 3 and problem.hess.colors == 3
    v, rows, cols = np.random.default_rng(1).normal(size=N - 2), *problem.hessianstructure()
    assert np.all(rows >= cols) and len(rows) == 2 * N - 1
    lower = np.zeros((N, N))
    lower[rows, cols] = problem.hessian(x, v, 0.7)
    want = ad.hessian(lambda x: 0.7 * rosenbrock(x) + ad.reduce_sum(v * bounded(x)))(t).numpy()
    np.testing.assert_allclose(lower, np.tril(want), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_a_chained_problem(kind):
    """Problem 5.1 of Luksan and Vlcek, "Sparse and partially separable test problems" (1999)."""
    pytest.importorskip("cyipopt")
    start = np.where(np.arange(N) % 2, 1.0, -1.2)
    problem = ad.IpoptProblem(rosenbrock, start, bounded, cl=0.0, cu=0.0)
    x, report = problem.solve(tol=1e-9, **({} if kind == "sparse" else {"hessian_approximation": "limited-memory"}))
    assert report["status"] == 0, report["status_msg"]
    assert np.max(np.abs(problem.constraints(x))) < 1e-7
    residual = problem.gradient(x) + ad.vjp(bounded, x)[1](report["mult_g"])[0].numpy()
    assert np.max(np.abs(residual)) < 1e-5


def test_cyipopt_checks_the_derivatives(capfd):
    cyipopt = pytest.importorskip("cyipopt")
    problem = ad.IpoptProblem(rosenbrock, np.array([0.3, 1.4, -0.6, 0.8, 1.9, -1.1]), bounded, cl=-1.0, cu=1.0)
    made = cyipopt.Problem(6, 4, problem_obj=problem, lb=problem.lb, ub=problem.ub, cl=problem.cl, cu=problem.cu)
    for name, value in {"derivative_test": "second-order", "derivative_test_tol": 1e-2, "point_perturbation_radius": 0.0, "max_iter": 0, "sb": "yes", "print_level": 5}.items():
        made.add_option(name, value)
    made.solve(problem.x0)
    said = capfd.readouterr().out
    assert "No errors detected by derivative checker" in said


def test_parameters_in_a_structure():
    pytest.importorskip("cyipopt")

    def cost(p):
        return ad.reduce_sum((p["a"] - 3.0) ** 2) + (p["b"] - 1.0) ** 2

    problem = ad.IpoptProblem(cost, {"a": np.ones(2), "b": 0.5}, lambda p: p["a"] + p["b"], lb={"a": np.zeros(2), "b": 0.0},
                              ub={"a": np.full(2, 2.0), "b": 2e19}, cu=2.5)  # fmt: skip
    found, report = problem.solve()
    assert report["status"] == 0
    np.testing.assert_allclose(found["a"], 2, atol=1e-6)  # of 2 (a - 3)^2 + (1.5 - a)^2, a <= 2
    np.testing.assert_allclose(found["b"], 0.5, atol=1e-6)
    several, report = ad.IpoptProblem(lambda a, b: ad.reduce_sum((a - b) ** 2) + b**2, (np.ones(2), 0.5), lb=1.0).solve()
    np.testing.assert_allclose(np.concatenate([several[0], [several[1]]]), 1, atol=1e-4)
    assert report["status"] == 0


def test_the_truss_is_the_lightest():
    """Without a limit of the displacement, and with one of stress for pulled and pressed bars, its weight is that of a linear program:
    Hemp, "Optimum structures" (1973), ch. 1."""
    pytest.importorskip("cyipopt")
    linprog = pytest.importorskip("scipy.optimize").linprog
    spec = spec_from_file_location("truss", Path(__file__).parents[1] / "examples" / "truss.py")
    truss = module_from_spec(spec)
    spec.loader.exec_module(truss)
    truss.SAG, truss.PRESSED = 1e3, truss.PULLED
    problem, area, moved = truss.solve()
    least = np.zeros((len(truss.nodes), 2, len(area)))
    for k, (i, j) in enumerate(truss.pairs):
        least[i, :, k], least[j, :, k] = truss.direction[k], -truss.direction[k]
    forces = least[~truss.held].reshape(-1, len(area))
    found = linprog(np.tile(truss.length, 2), A_eq=np.hstack([forces, -forces]), b_eq=truss.load[~truss.held].ravel())
    assert np.sum(area * truss.length) == pytest.approx(found.fun, rel=1e-5, abs=0)


def test_another_way_stops_the_solver():
    pytest.importorskip("cyipopt")
    problem = ad.IpoptProblem(lambda x: x[0] ** 2 + x[1] ** 2 if x[0] > 1 else (x[0] + x[1]) ** 2 + (x[1] - 3.0) ** 2, np.array([4.0, 2.0]))
    with pytest.raises(ValueError, match="sparse_hessian: the Lagrangian of <lambda> goes another way at this x"):
        problem.solve()
    problem.hess.include(np.zeros(2), np.ones(1))
    x, report = problem.solve()
    assert report["status"] == 0 and np.allclose(x, [-3, 3], atol=1e-5)


def test_bounds_that_are_none():
    problem = ad.IpoptProblem(lambda p: p["a"] ** 2 + p["b"] ** 2, {"a": 1.0, "b": 2.0}, lambda p: [p["a"], p["b"]],
                              lb={"a": None, "b": 0.0}, ub=np.inf, cl=[None, -1.0], cu=[3.0, None])  # fmt: skip
    np.testing.assert_array_equal([problem.lb, problem.ub], [[-np.inf, 0.0], [np.inf, np.inf]])
    np.testing.assert_array_equal([problem.cl, problem.cu], [[-np.inf, -1.0], [3.0, np.inf]])


def test_errors_name_the_class(monkeypatch):
    with pytest.raises(TypeError, match="IpoptProblem: expected constraints to be a function, got 3"):
        ad.IpoptProblem(rosenbrock, np.ones(3), 3)
    with pytest.raises(ValueError, match="IpoptProblem: the constraints have no bounds: expected cl, cu or both"):
        ad.IpoptProblem(rosenbrock, np.ones(3), bounded)
    with pytest.raises(ValueError, match=r"IpoptProblem: expected cl to be a number or 1 of them, got shape \(2,\)"):
        ad.IpoptProblem(rosenbrock, np.ones(3), bounded, cl=[1.0, 2.0])
    with pytest.raises(TypeError, match=r"^IpoptProblem: expected <lambda> to return a scalar, got shape \(3,\); ad.reduce_sum makes one, and constraints"):
        ad.IpoptProblem(lambda x: x, np.ones(3))
    with pytest.raises(ValueError, match="^IpoptProblem: expected ub to be a number or like the parameters: flatten: expected parameters of shapes"):
        ad.IpoptProblem(rosenbrock, np.ones(3), ub=np.ones(2))
    for name in ("lb", "ub", "cl", "cu"):  # Ipopt took it for no bound, and what came out was the optimum of another problem
        with pytest.raises(ValueError, match=f"IpoptProblem: {name} is nan at 0; an infinity, or None, says that there is no bound"):
            ad.IpoptProblem(rosenbrock, np.ones(3), bounded, **{"cl": 0.0, name: [np.nan] if name[0] == "c" else [np.nan, 1.0, 2.0]})
    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", lambda name, *rest: real("absent" if name == "cyipopt" else name, *rest))
    with pytest.raises(ImportError, match="IpoptProblem: solve needs cyipopt: pip install cyipopt-wheels"):
        ad.IpoptProblem(rosenbrock, np.ones(3)).solve()
