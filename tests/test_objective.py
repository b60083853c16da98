"""ad.objective in every optimiser that is installed, as its users call it."""

import math
import pickle
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import autodiff as ad

optimize = pytest.importorskip("scipy.optimize")
X0 = np.array([-1.2, 1.0, -0.5])
METHODS = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", "trust-constr"]
SECOND = ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr", "dogleg", "trust-exact"]


def rosenbrock(x):
    return ad.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def by_hand(x):
    a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    g = np.zeros_like(x)
    g[:-1] = -400 * a * x[:-1] - 2 * b
    g[1:] += 200 * a
    return np.sum(100 * a * a + b * b), g


@pytest.mark.parametrize("trace", [True, False])
def test_values_and_gradients_are_float64_and_fresh(trace):
    obj = ad.objective(rosenbrock, like=X0, trace=trace)
    for x in (X0, X0.astype("f4"), list(X0), ad.constant(X0)):
        want, slope = by_hand(np.asarray(x if not isinstance(x, ad.Tensor) else x.numpy(), float))
        value, gradient = obj(x)
        assert type(value) is float and math.isclose(value, want, rel_tol=1e-14) and float(obj(x)) == value
        assert gradient.dtype == np.float64 and gradient.shape == (3,) and gradient.flags.writeable
        np.testing.assert_allclose(gradient, slope, rtol=1e-13)
        gradient[:] = 0
        np.testing.assert_allclose(obj.grad(x), slope, rtol=1e-13)
        assert obj.fun(x) == obj.value(x) == value and obj.jac(x) is not obj.jac(x)
    with pytest.raises(ValueError, match="a vector of 3 numbers"):
        obj(np.zeros(4))
    with pytest.raises(ValueError, match="a vector of 3 numbers"):
        obj(np.zeros((3, 1)))


@pytest.mark.parametrize("method", METHODS)
def test_scipy_minimize(method):
    obj = ad.objective(rosenbrock, like=X0)
    before, options = obj.evaluations, {"maxfun" if method == "TNC" else "maxiter": 2000}
    fit = optimize.minimize(obj, X0, jac=True, method=method, options=options)
    np.testing.assert_allclose(fit.x, 1, atol=1e-3)
    assert obj.evaluations - before <= fit.nfev
    before = obj.evaluations
    apart = optimize.minimize(obj.fun, X0, jac=obj.grad, method=method, options=options)
    np.testing.assert_array_equal(apart.x, fit.x)
    assert obj.evaluations - before <= apart.nfev + 1  # one point, one evaluation, whichever is asked first


@pytest.mark.parametrize("method", SECOND)
def test_scipy_minimize_with_second_derivatives(method):
    obj = ad.objective(rosenbrock, like=X0)
    start = np.array([0.9, 1.1, 0.95]) if method == "dogleg" else X0
    fit = optimize.minimize(obj, start, jac=True, hess=obj.hess, method=method, tol=1e-9)
    np.testing.assert_allclose(fit.x, 1, atol=1e-4)
    if method in ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr"):
        fit = optimize.minimize(obj, start, jac=True, hessp=obj.hessp, method=method, tol=1e-9)
        np.testing.assert_allclose(fit.x, 1, atol=1e-4)
    np.testing.assert_allclose(obj.hess(X0), optimize.rosen_hess(X0), rtol=1e-13)
    np.testing.assert_allclose(obj.hessp(X0, [1.0, 2.0, 3.0]), optimize.rosen_hess_prod(X0, [1.0, 2.0, 3.0]), rtol=1e-13)


def test_constraints_in_both_of_scipys_forms():
    loss = ad.objective(lambda x: x[0] ** 2 + 2 * x[1] ** 2 + 0.5 * x[2] ** 2, like=X0)
    bound = ad.objective(lambda x: ad.stack([x[0] * x[1] - 1.0, x[1] + x[2] - 3.0]), like=X0)
    want = None
    nonlinear = optimize.NonlinearConstraint(bound.fun, 0, np.inf, jac=bound.jac, hess=bound.hess)
    for method, constraints in (("SLSQP", {"type": "ineq", "fun": bound.fun, "jac": bound.jac}), ("trust-constr", nonlinear), ("SLSQP", nonlinear)):
        fit = optimize.minimize(loss, np.array([2.0, 2.0, 2.0]), jac=True, method=method, constraints=constraints,
                                hess=loss.hess if method == "trust-constr" else None)  # fmt: skip
        want = fit.x if want is None else want
        np.testing.assert_allclose(fit.x, want, atol=2e-3)
        assert np.all(bound.fun(fit.x) > -1e-6)
    v = np.array([2.0, -3.0])
    np.testing.assert_array_equal(bound.hess(X0, v), [[0, 2, 0], [2, 0, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match="expected its weights"):
        bound.hess(X0)


T = np.linspace(0, 3, 40)
DECAY = 2.5 * np.exp(-1.3 * T) + 0.5


def residuals(p):
    return p[0] * ad.exp(-p[1] * T) + p[2] - DECAY


def test_least_squares_and_curves():
    obj = ad.objective(residuals, like=np.ones(3))
    for method in ("trf", "dogbox", "lm"):
        fit = optimize.least_squares(obj.fun, np.ones(3), jac=obj.jac, method=method)
        np.testing.assert_allclose(fit.x, [2.5, 1.3, 0.5], rtol=1e-6)
    model = ad.objective(lambda p, t: p[0] * ad.exp(-p[1] * t) + p[2], like=np.ones(3), args=(T,))
    fit, _ = optimize.curve_fit(lambda t, *p: model.fun(p, t), T, DECAY, p0=np.ones(3), jac=lambda t, *p: model.jac(p, t))
    np.testing.assert_allclose(fit, [2.5, 1.3, 0.5], rtol=1e-6)


def test_roots():
    obj = ad.objective(lambda x: ad.stack([x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]]), like=np.zeros(2))
    for method in ("hybr", "lm"):
        fit = optimize.root(obj, np.zeros(2), jac=True, method=method)
        np.testing.assert_allclose(fit.x, [0.8411639, 0.1588361], rtol=1e-6)
    line = ad.objective(lambda x: ad.exp(x) - 2.0, like=1.0)
    assert math.isclose(optimize.root_scalar(line, x0=1.0, fprime=True, method="newton").root, math.log(2))


def test_an_ode_that_is_stiff():
    integrate = pytest.importorskip("scipy.integrate")
    rhs = ad.objective(lambda y: ad.stack([-0.04 * y[0] + 1e4 * y[1] * y[2], 0.04 * y[0] - 1e4 * y[1] * y[2] - 3e7 * y[1] ** 2, 3e7 * y[1] ** 2]), like=np.ones(3))
    for method in ("Radau", "BDF"):
        run = integrate.solve_ivp(lambda t, y: rhs.fun(y), (0, 40), [1.0, 0, 0], method=method, jac=lambda t, y: rhs.jac(y), rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(run.y[:, -1], [0.7158, 9.185e-6, 0.2842], rtol=1e-3)  # Hairer & Wanner, Robertson's problem


@pytest.mark.parametrize("like", [(1.0, np.zeros(2)), {"a": np.zeros((2, 2)), "b": [0.5]}, [np.zeros(3)], np.zeros((2, 3)), ad.constant([1.0, 2.0]), 2.0])
def test_parameters_of_any_structure(like):
    def f(*parameters):
        return sum(ad.reduce_sum((x - 3.0) ** 2) for x in ad.nest.flatten(parameters))

    obj = ad.objective(f, like=like)
    fit = obj.minimize()
    for got, given in zip(ad.nest.flatten(fit.params), ad.nest.flatten(like)):
        assert np.shape(got) == np.shape(np.asarray(given)) and np.allclose(got, 3)
    np.testing.assert_array_equal(obj.flatten(fit.params), fit.x)
    assert len(obj.history) >= 2 and obj.history.values[-1] < obj.history.values[0] and "evaluations" in repr(obj.history)
    with pytest.raises((ValueError, TypeError)):
        obj.flatten([np.zeros(7), np.zeros(7), 1.0])


def test_numpy_code_serves_too():
    obj = ad.objective(lambda x: np.sum(np.exp(x) - 2 * x), like=np.zeros(4))
    np.testing.assert_allclose(obj.minimize(method="BFGS").x, np.log(2), rtol=1e-5)


def test_threads_have_points_of_their_own():
    obj, wrong = ad.objective(rosenbrock, like=X0), []

    def work(seed):
        for x in np.random.default_rng(seed).normal(size=(300, 3)):
            value, slope = by_hand(x)
            if not math.isclose(obj.fun(x), value, rel_tol=1e-13) or not np.allclose(obj.grad(x), slope, rtol=1e-12):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong


def test_pickles():
    for obj in (ad.objective(rosenbrock, like=X0), ad.objective(lambda x: rosenbrock(x) * 2.0, like=X0)):
        again = pickle.loads(pickle.dumps(obj))
        value, gradient = again(X0 + 0.25)
        assert value == obj.fun(X0 + 0.25) and np.array_equal(gradient, obj.grad(X0 + 0.25))
        np.testing.assert_array_equal(again.hess(X0), obj.hess(X0))
        np.testing.assert_array_equal(again.hessp(X0, X0), obj.hessp(X0, X0))


def test_failures_are_named():
    with pytest.raises(TypeError, match="expected a function"):
        ad.objective(3, like=X0)
    with pytest.raises(TypeError, match="expected parameters of floats"):
        ad.objective(rosenbrock, like="x")
    with pytest.raises(TypeError, match="scalar or a vector"):
        ad.objective(lambda x: ad.reshape(x, (3, 1)), like=X0)
    with pytest.raises(TypeError, match="expected <lambda> to return"):
        ad.objective(lambda x: None, like=X0)
    with pytest.warns(UserWarning, match="where most optimisers give up; .*(log of|ad.audit)"):
        ad.objective(lambda x: ad.reduce_sum(ad.math.log(x)), like=np.zeros(2))
    with pytest.warns(UserWarning, match="by number 1 of the parameters is exactly 0"):
        ad.objective(lambda x: x[0] ** 2 + x[2], like=X0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ad.objective(lambda x: ad.reduce_sum(x**2), like=np.zeros(3))  # a stationary point is none
    changing = ad.objective(lambda x: x[0] * x[1] * x[2] if bool(x[0] > 0) else x, like=X0 + 3)
    with pytest.raises(ValueError, match=r"returned shape \(3,\) now, and \(\) at first"):
        changing(-X0 - 3)


def test_the_history_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    obj = ad.objective(rosenbrock, like=X0)
    with pytest.raises(ValueError, match="no evaluation"):
        obj.history.plot()
    obj.minimize()
    axes = obj.history.plot()
    axes.figure.savefig(tmp_path / "history.svg")
    assert (tmp_path / "history.svg").stat().st_size > 1000 and len(axes.lines) == 2


def test_progress_is_shown(capsys):
    pytest.importorskip("tqdm")
    obj = ad.objective(rosenbrock, like=X0)
    obj.minimize(progress=True)
    assert "gradient=" in capsys.readouterr().err


def test_nothing_of_scipy_is_imported_for_it():
    code = "import sys, numpy as np, autodiff as ad; ad.objective(lambda x: ad.reduce_sum(x), like=np.ones(2)); print([m for m in ('scipy', 'tqdm', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


# ------------------------------------------------------------------------------------------------- beyond SciPy
def test_nlopt():
    nlopt = pytest.importorskip("nlopt")
    obj = ad.objective(rosenbrock, like=X0)
    bowl = ad.objective(lambda x: 1.0 + ad.reduce_sum((x - 1.0) ** 2 * np.array([1.0, 4.0, 9.0])), like=X0)
    for algorithm, f in ((nlopt.LD_LBFGS, obj), (nlopt.LD_SLSQP, obj), (nlopt.LD_MMA, bowl), (nlopt.LN_COBYLA, bowl)):
        opt = nlopt.opt(algorithm, 3)
        opt.set_min_objective(f.nlopt)
        opt.set_ftol_rel(1e-8)
        opt.set_maxeval(5000)
        np.testing.assert_allclose(opt.optimize(X0), 1, atol=1e-2)
    loss = ad.objective(lambda x: ad.reduce_sum(x * x), like=np.ones(2))
    bound = ad.objective(lambda x: ad.stack([1.0 - x[0] * x[1], 0.5 - x[0]]), like=np.ones(2))
    opt = nlopt.opt(nlopt.LD_MMA, 2)
    opt.set_min_objective(loss.nlopt)
    opt.add_inequality_mconstraint(bound.nlopt_constraint, np.full(2, 1e-10))
    opt.set_ftol_rel(1e-8)
    np.testing.assert_allclose(opt.optimize(np.array([2.0, 2.0])), 1, atol=1e-3)


def test_iminuit_finds_the_gradient():
    iminuit = pytest.importorskip("iminuit")
    obj = ad.objective(rosenbrock, like=X0)
    fit = iminuit.Minuit(obj, X0)
    fit.strategy = 0
    fit.migrad()
    assert fit.valid and fit.ngrad > 0
    np.testing.assert_allclose(np.array(fit.values), 1, atol=1e-2)


def test_ipopt():
    cyipopt = pytest.importorskip("cyipopt")
    obj = ad.objective(rosenbrock, like=X0)
    for options in ({}, {"hess": obj.hess}):
        fit = cyipopt.minimize_ipopt(obj, X0, jac=True, **options)
        np.testing.assert_allclose(fit.x, 1, atol=1e-5)
    bound = ad.objective(lambda x: ad.stack([x[0] * x[1] - 0.5]), like=X0)

    class Problem:
        objective, gradient = staticmethod(obj.fun), staticmethod(obj.grad)
        constraints, jacobian = staticmethod(bound.fun), staticmethod(bound.jac)

        def hessianstructure(self):
            return np.tril_indices(3)

        def hessian(self, x, lagrange, factor):
            return (factor * obj.hess(x) + bound.hess(x, lagrange))[np.tril_indices(3)]

    problem = cyipopt.Problem(3, 1, Problem(), cl=np.zeros(1), cu=np.full(1, 2e19))
    problem.add_option("print_level", 0)
    x, info = problem.solve(np.array([2.0, 2.0, 2.0]))
    assert info["status"] == 0
    np.testing.assert_allclose(x, 1, atol=1e-4)


def test_emcee_in_rows():
    emcee = pytest.importorskip("emcee")

    def log_density(x):
        return -0.5 * ad.reduce_sum((x - 1.0) ** 2 * np.array([1.0, 4.0]))

    rows = ad.function(lambda x: ad.vectorized_map(log_density, x))
    sampler = emcee.EnsembleSampler(16, 2, lambda x: rows(x).numpy(), vectorize=True)
    sampler.run_mcmc(np.random.default_rng(0).normal(size=(16, 2)), 800)
    np.testing.assert_allclose(sampler.get_chain(discard=200, flat=True).std(0), [1.0, 0.5], rtol=0.15)


def test_nutpie_calls_it_from_its_threads():
    nutpie = pytest.importorskip("nutpie")
    pytest.importorskip("numba")
    obj = ad.objective(lambda x: -0.5 * ad.reduce_sum(x * x * np.array([1.0, 4.0])), like=np.ones(2))
    model = nutpie.compiled_pyfunc.from_pyfunc(ndim=2, make_logp_fn=lambda: obj.value_and_grad, make_expand_fn=lambda *a: lambda x: {"x": x},
                                               expanded_dtypes=[np.dtype("float64")], expanded_shapes=[(2,)], expanded_names=["x"])  # fmt: skip
    trace = nutpie.sample(model, draws=400, tune=300, chains=2, progress_bar=False)
    np.testing.assert_allclose(np.asarray(trace.posterior["x"]).std((0, 1)), [1.0, 0.5], rtol=0.2)
