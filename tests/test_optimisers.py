"""ad.objective in the hands of real optimisers, samplers and solvers: three problems whose solutions are known, and what is special to
each package.  What is no wheel of a few seconds (Keras with its JAX, PyTorch) is tested where it is installed; docs/optimisers.md has
their programs."""

import math
import os
import threading

import numpy as np
import pytest

import autodiff as ad

optimize = pytest.importorskip("scipy.optimize")

# ------------------------------------------------------------------------------------------------------ three problems
START = np.array([-1.2, 1.0, -0.5])
T = np.linspace(0.0, 3.0, 40)
DECAY = 2.5 * np.exp(-1.3 * T) + 0.5
RIGHT = np.array([2.5, 1.3, 0.5])
CORNER = np.array([(math.sqrt(7) - 1) / 2, (math.sqrt(7) + 1) / 4])  # Hock & Schittkowski, problem 14


def rosenbrock(x):
    return ad.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def distance(x):
    return (x[0] - 2.0) ** 2 + (x[1] - 1.0) ** 2


def inside(x):
    return [1.0 - 0.25 * x[0] ** 2 - x[1] ** 2]


def on_the_line(x):
    return [x[0] - 2.0 * x[1] + 1.0]


def residuals(p):
    return p[0] * ad.exp(-p[1] * T) + p[2] - DECAY


def squares(p):
    return ad.reduce_sum(residuals(p) ** 2)


def made(f, like=START, **options):
    return ad.objective(f, like=like, **options)


# ------------------------------------------------------------------------------------------------------ scipy.optimize
FIRST = ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", "trust-constr"]
SECOND = ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr", "dogleg", "trust-exact"]
LIMIT = {"TNC": {"maxfun": 3000}, "trust-constr": {"maxiter": 3000, "gtol": 1e-9}}


@pytest.mark.parametrize("trace", [True, False])
@pytest.mark.parametrize("method", FIRST)
def test_minimize_by_gradients(method, trace):
    options = LIMIT.get(method, {"maxiter": 3000})
    for f, start, solution in ((rosenbrock, START, np.ones(3)), (squares, np.ones(3), RIGHT)):
        obj = made(f, trace=trace)
        before = obj.evaluations
        fit = optimize.minimize(obj, start, jac=True, method=method, options=options, tol=1e-10)
        np.testing.assert_allclose(fit.x, solution, atol=1e-3)
        assert obj.evaluations - before <= fit.nfev
        before = obj.evaluations
        apart = optimize.minimize(obj.fun, start, jac=obj.grad, method=method, options=options, tol=1e-10)
        np.testing.assert_array_equal(apart.x, fit.x)
        assert obj.evaluations - before <= apart.nfev  # one point, one evaluation, whichever is asked first


@pytest.mark.parametrize("trace", [True, False])
@pytest.mark.parametrize("method", SECOND)
def test_minimize_by_second_derivatives(method, trace):
    options = {"gtol": 1e-8} if method.startswith("trust") else {}
    near = {rosenbrock: np.array([0.9, 1.1, 0.95]), squares: np.array([2.4, 1.25, 0.55])}  # dogleg wants a convex place
    for f, start, solution in ((rosenbrock, START, np.ones(3)), (squares, np.ones(3), RIGHT)):
        obj = made(f, trace=trace)
        start = near[f] if method == "dogleg" else start
        fit = optimize.minimize(obj, start, jac=True, hess=obj.hess, method=method, options=options)
        np.testing.assert_allclose(fit.x, solution, atol=1e-4)
        if method in ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr"):
            fit = optimize.minimize(obj, start, jac=True, hessp=obj.hessp, method=method, options=options)
            np.testing.assert_allclose(fit.x, solution, atol=1e-4)


def test_an_eager_function_runs_once_at_a_point_whatever_is_asked_of_it():
    calls = []

    def f(x):
        calls.append(1)
        return rosenbrock(x)

    obj = made(f, trace=False)
    for method in ("trust-constr", "trust-exact", "Newton-CG"):
        points = set()
        calls.clear()

        def noted(g):
            return lambda x, *rest: points.add(x.tobytes()) or g(x, *rest)

        second = {"hess": noted(obj.hess)} if method != "Newton-CG" else {"hessp": noted(obj.hessp)}
        optimize.minimize(noted(obj.fun), START, jac=noted(obj.grad), method=method, options={"maxiter": 40}, **second)
        assert 0 < len(calls) <= len(points), method


@pytest.mark.filterwarnings("ignore:delta_grad == 0.0")           # SciPy's estimate of a second derivative, of the linear one
@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
@pytest.mark.parametrize("form", ["nonlinear", "dict"])
def test_constraints_in_both_of_scipys_forms(method, form):
    obj, ineq, eq = (made(f, like=np.zeros(2)) for f in (distance, inside, on_the_line))
    if form == "dict":
        constraints = [{"type": "ineq", "fun": ineq.fun, "jac": ineq.jac}, {"type": "eq", "fun": eq.fun, "jac": eq.jac}]
    else:
        second = {"hess": ineq.hess} if method == "trust-constr" else {}
        constraints = [optimize.NonlinearConstraint(ineq.fun, 0, np.inf, jac=ineq.jac, **second), optimize.NonlinearConstraint(eq.fun, 0, 0, jac=eq.jac)]
    fit = optimize.minimize(obj, np.array([2.0, 2.0]), jac=True, method=method, constraints=constraints,
                            hess=obj.hess if method == "trust-constr" else None)  # fmt: skip
    np.testing.assert_allclose(fit.x, CORNER, atol=2e-3 if method == "trust-constr" else 1e-6)
    assert math.isclose(fit.fun, 9 - 23 * math.sqrt(7) / 8, rel_tol=5e-3)


def test_second_derivatives_of_constraints_as_matrix_and_as_operator():
    bound = made(lambda x: ad.stack([x[0] * x[1] - 1.0, x[1] + x[2] - 3.0]))
    v = np.array([2.0, -3.0])
    np.testing.assert_array_equal(bound.hess(START, v), [[0, 2, 0], [2, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(bound.hess_operator(START, v) @ np.eye(3), bound.hess(START, v))
    with pytest.raises(ValueError, match="expected its weights"):
        bound.hess(START)
    obj = made(lambda x: x[0] ** 2 + 2 * x[1] ** 2 + 0.5 * x[2] ** 2)
    found = []
    for hess in (bound.hess, bound.hess_operator):
        constraint = optimize.NonlinearConstraint(bound.fun, 0, np.inf, jac=bound.jac, hess=hess)
        fit = optimize.minimize(obj, np.full(3, 2.0), jac=True, method="trust-constr", constraints=constraint, hess=obj.hess)
        assert np.all(bound.fun(fit.x) > -1e-6)
        found.append(fit.x)
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


def test_a_constraint_of_one_number_has_second_derivatives_too():
    """SciPy gives its multiplier as an array of one; it went to f as a further argument."""
    x0 = np.array([2.0, 3.0])
    obj = ad.objective(lambda x: ad.reduce_sum(x * x), like=x0)
    bound = ad.objective(lambda x: x[0] * x[1] - 2.0, like=x0)
    np.testing.assert_array_equal(bound.hess(x0, np.array([3.0])), [[0, 3], [3, 0]])
    np.testing.assert_array_equal(bound.hessp(x0, np.ones(2), np.array([3.0])), [3, 3])

    def fit(jac, hess):
        constraint = optimize.NonlinearConstraint(bound.fun, 0, np.inf, jac=jac, hess=hess)
        return optimize.minimize(obj, x0, jac=True, hess=obj.hess, method="trust-constr", constraints=constraint)

    ours, by_hand = fit(bound.jac, bound.hess), fit(lambda x: x[::-1].copy(), lambda x, v: v[0] * np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert ours.nit == by_hand.nit and ours.success
    np.testing.assert_allclose(ours.x, by_hand.x, rtol=1e-10)


def test_a_start_in_float32_is_no_matter():
    """SLSQP takes float64 alone, and SciPy leaves a float32 start as it is."""
    obj = ad.objective(lambda x: ad.reduce_sum((x - 1.0) ** 2), like=np.zeros(2))
    np.testing.assert_allclose(obj.minimize(np.zeros(2, np.float32), method="SLSQP").x, 1.0, atol=1e-6)


def test_optimisers_without_gradients_compute_none():
    swept = []

    @ad.custom_gradient
    def watched(x):
        return x * 1.0, lambda g: swept.append(1) or g

    obj = made(lambda x: rosenbrock(watched(x)), like=np.array([0.5, 0.5]), trace=False)
    swept.clear()
    for method in ("Nelder-Mead", "Powell"):
        fit = optimize.minimize(obj.value, np.array([0.5, 0.5]), method=method)
        np.testing.assert_allclose(fit.x, 1, atol=1e-3)
        assert np.array_equal(obj.minimize(method=method).x, fit.x) and np.isnan(obj.history.norms[-1])
    assert not swept
    found = optimize.differential_evolution(obj.value, [(-2, 2)] * 2, seed=1, polish=False, maxiter=200)
    np.testing.assert_allclose(found.x, 1, atol=1e-2)
    assert not swept


def test_global_searches_that_use_a_local_one():
    wells = made(lambda x: ad.reduce_sum(x**4 - 4.0 * x**2 + 0.5 * x), like=np.ones(2))  # four minima, the lowest where both are < 0
    lowest = np.full(2, min(np.roots([4, 0, -8, 0.5]).real))
    fit = optimize.basinhopping(wells, np.ones(2), niter=20, stepsize=2.5, minimizer_kwargs={"jac": True, "method": "BFGS"}, seed=0)
    np.testing.assert_allclose(fit.x, lowest, rtol=1e-5)
    local = {"method": "L-BFGS-B", "jac": wells.grad}
    fit = optimize.dual_annealing(wells.fun, [(-3, 3)] * 2, maxiter=50, minimizer_kwargs=local, seed=0)
    np.testing.assert_allclose(fit.x, lowest, rtol=1e-4)
    fit = optimize.shgo(wells.fun, [(-3, 3)] * 2, n=50, minimizer_kwargs={"method": "SLSQP", "jac": wells.grad})
    np.testing.assert_allclose(fit.x, lowest, rtol=1e-3)


@pytest.mark.parametrize("trace", [True, False])
def test_least_squares_by_matrices_and_by_products(trace):
    obj = made(residuals, like=np.ones(3), trace=trace)
    for method in ("trf", "dogbox", "lm"):
        before = obj.evaluations
        fit = optimize.least_squares(obj.fun, np.ones(3), jac=obj.jac, method=method)
        np.testing.assert_allclose(fit.x, RIGHT, rtol=1e-6)
        assert obj.evaluations - before <= fit.nfev + 1
    fit = optimize.least_squares(obj.fun, np.ones(3), jac=obj.jac_operator, method="trf", tr_solver="lsmr")
    np.testing.assert_allclose(fit.x, RIGHT, rtol=1e-6)
    p, v = np.array([1.0, -2.0, 0.5]), np.cos(np.arange(40.0))
    operator = obj.jac_operator(RIGHT)
    assert operator.shape == (40, 3) and operator.dtype == np.float64
    np.testing.assert_allclose(operator @ p, obj.jac(RIGHT) @ p, rtol=1e-12)
    np.testing.assert_allclose(operator.T @ v, obj.jac(RIGHT).T @ v, rtol=1e-10)


def test_curve_fit():
    model = made(lambda p, t: p[0] * ad.exp(-p[1] * t) + p[2], like=np.ones(3), args=T)
    fit, covariance = optimize.curve_fit(model.curve, T, DECAY, p0=np.ones(3), jac=model.curve_jac)
    np.testing.assert_allclose(fit, RIGHT, rtol=1e-6)
    assert covariance.shape == (3, 3)
    before = model.evaluations
    optimize.curve_fit(model.curve, T, DECAY, p0=np.ones(3), jac=model.curve_jac, method="trf")
    assert 0 < model.evaluations - before <= 20
    slope = model.curve_jac(T, 1.0, 2.0, 3.0)
    np.testing.assert_allclose(slope, np.stack([np.exp(-2 * T), -T * np.exp(-2 * T), np.ones(40)], 1), rtol=1e-12)


def test_data_of_another_length_than_at_first():
    model = made(lambda p, t: p[0] * ad.exp(-p[1] * t) + p[2], like=np.ones(3), args=T[:5])
    fit, _ = optimize.curve_fit(model.curve, T, DECAY, p0=np.ones(3), jac=model.curve_jac)
    np.testing.assert_allclose(fit, RIGHT, rtol=1e-6)
    np.testing.assert_allclose(model.vjp(RIGHT, np.ones(7), T[:7]), model.jac(RIGHT, T[:7]).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.jvp(RIGHT, np.ones(3), T[:7]), model.jac(RIGHT, T[:7]).sum(axis=1), rtol=1e-12)
    assert model.jac_operator(RIGHT, T[:7]).shape == (7, 3)
    with pytest.raises(ad.errors.ShapeError, match=r"returned shape \(\) now, and \(5,\) at first"):
        model.fun(RIGHT, 3.0)


def test_roots_of_systems_and_of_one_equation():
    obj = made(lambda x: [x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]], like=np.zeros(2))
    for method in ("hybr", "lm"):
        fit = optimize.root(obj, np.zeros(2), jac=True, method=method)
        np.testing.assert_allclose(fit.x, [0.8411639, 0.1588361], rtol=1e-6)  # the example of scipy.optimize.root
    for trace in (True, False):
        line = made(lambda x: ad.exp(x) - 2.0, like=1.0, trace=trace)
        assert math.isclose(optimize.root_scalar(line, x0=1.0, fprime=True, method="newton").root, math.log(2), rel_tol=1e-12)
        halley = optimize.root_scalar(line.value_grad_hess, x0=1.0, fprime=True, fprime2=True, method="halley")
        assert math.isclose(halley.root, math.log(2), rel_tol=1e-12)
        apart = optimize.root_scalar(line.fun, x0=1.0, fprime=line.grad, fprime2=line.hess, method="halley")
        assert apart.root == halley.root
        assert all(type(number) is float for number in line.value_grad_hess(1.0))
        assert [np.shape(part) for part in line.value_grad_hess(np.array([1.0]))] == [(), (1,), (1, 1)]


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_stiff_equations(method):
    """Robertson's problem (Hairer & Wanner, Solving ODEs II, 1996, p. 3), as it is and with a rate that depends on time."""
    integrate = pytest.importorskip("scipy.integrate")

    def rates(y, t=0.0):
        fast = 3e7 * y[1] ** 2
        slow = (0.04 + 0.0 * t) * y[0] - 1e4 * y[1] * y[2]
        return [-slow, slow - fast, fast]

    for rhs in (made(lambda y: rates(y), like=np.ones(3)), made(rates, like=np.ones(3), args=(0.0,))):
        run = integrate.solve_ivp(rhs.ode, (0, 40), [1.0, 0, 0], method=method, jac=rhs.ode_jac, rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(run.y[:, -1], [0.7158, 9.185e-6, 0.2842], rtol=1e-3)
        assert run.njev > 0
    forced = made(lambda y, t: [ad.cos(t) - 50.0 * (y[0] - ad.sin(t))], like=np.ones(1), args=(0.0,))
    run = integrate.solve_ivp(forced.ode, (0, 2), [0.0], method=method, jac=forced.ode_jac, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(run.y[0, -1], math.sin(2), rtol=1e-6)


# ------------------------------------------------------------------------------------------------------ NLopt
def test_nlopt():
    nlopt = pytest.importorskip("nlopt")

    def solved(algorithm, obj, start, solution, tolerance=1e-4, constraints=(), stop=1e-9):
        opt = nlopt.opt(algorithm, len(start))
        opt.set_min_objective(obj.nlopt)
        for add, *given in constraints:
            add(opt, *given)
        opt.set_ftol_rel(1e-12)
        opt.set_maxeval(20000)
        np.testing.assert_allclose(opt.optimize(start), solution, atol=tolerance)

    for algorithm in (nlopt.LD_LBFGS, nlopt.LD_SLSQP, nlopt.LD_TNEWTON_PRECOND_RESTART, nlopt.LD_VAR2):
        solved(algorithm, made(rosenbrock), START, 1)
        solved(algorithm, made(squares), np.ones(3), RIGHT, 1e-3)
    for algorithm in (nlopt.LN_SBPLX, nlopt.LN_NELDERMEAD):  # give an empty gradient
        solved(algorithm, made(squares), np.ones(3), RIGHT, 1e-3)

    obj, ineq, eq = (made(f, like=np.zeros(2)) for f in (distance, lambda x: 0.25 * x[0] ** 2 + x[1] ** 2 - 1.0, lambda x: x[0] - 2.0 * x[1] + 1.0))
    scalar = [(nlopt.opt.add_inequality_constraint, ineq.nlopt, 1e-6), (nlopt.opt.add_equality_constraint, eq.nlopt, 1e-6)]
    several = made(lambda x: [0.25 * x[0] ** 2 + x[1] ** 2 - 1.0, -x[0]], like=np.zeros(2))
    vector = [(nlopt.opt.add_inequality_mconstraint, several.nlopt_constraint, np.full(2, 1e-6)), scalar[1]]
    for constraints in (scalar, vector):
        solved(nlopt.LD_SLSQP, obj, np.array([2.0, 2.0]), CORNER, 1e-5, constraints)
    bowl, over = made(lambda x: ad.reduce_sum(x * x), like=np.ones(2)), made(lambda x: [1.0 - x[0] * x[1], 0.5 - x[0]], like=np.ones(2))
    for algorithm in (nlopt.LD_MMA, nlopt.LD_CCSAQ, nlopt.LN_COBYLA):
        solved(algorithm, bowl, np.array([2.0, 2.0]), 1, 1e-3, [(nlopt.opt.add_inequality_mconstraint, over.nlopt_constraint, np.full(2, 1e-8))])


# ------------------------------------------------------------------------------------------------------ Minuit
def test_iminuit_finds_the_gradient():
    iminuit = pytest.importorskip("iminuit")
    for f, start, solution, tolerance in ((rosenbrock, START, 1, 1e-2), (squares, np.ones(3), RIGHT, 1e-3)):
        obj = made(f)
        fit = iminuit.Minuit(obj, start, name=obj.names)
        fit.strategy, fit.tol = 0, 1e-4
        fit.migrad()
        assert fit.valid and fit.ngrad > 0 and fit.parameters == ("x0", "x1", "x2")
        np.testing.assert_allclose(np.array(fit.values), solution, atol=tolerance)


def test_iminuit_takes_a_function():
    """Which has its own names of parameters, where Minuit looks for names."""
    iminuit = pytest.importorskip("iminuit")
    fit = iminuit.Minuit(ad.function(rosenbrock), START, grad=ad.function(ad.grad(rosenbrock)))
    fit.migrad()
    assert fit.valid and fit.ngrad > 0
    np.testing.assert_allclose(np.array(fit.values), 1, atol=1e-2)
    fit = iminuit.Minuit(ad.function(lambda a, b: (a - 1) ** 2 + (b - 2) ** 2), a=0.0, b=0.0)
    fit.migrad()
    assert fit.valid and fit.parameters == ("a", "b")


def test_iminuit_with_numbers_one_by_one():
    iminuit = pytest.importorskip("iminuit")
    noise = 0.05 * np.cos(17.0 * np.arange(40))
    obj = made(lambda p: ad.reduce_sum(((p["a"] * ad.exp(-p["k"] * T) + p["c"] - DECAY - noise) / 0.05) ** 2), like={"a": 1.0, "k": 1.0, "c": 0.0})
    fit = iminuit.Minuit(obj.positional, a=1.0, k=1.0, c=0.0)
    fit.limits["k"] = (0, None)
    fit.migrad()
    fit.hesse()
    assert fit.valid and fit.ngrad > 0 and fit.parameters == ("a", "c", "k")
    covariance = np.linalg.inv(obj.hess(np.array(fit.values)) / 2)
    np.testing.assert_allclose(np.array(fit.errors), np.sqrt(np.diag(covariance)), rtol=1e-2)
    assert abs(fit.values["k"] - 1.3) < 3 * fit.errors["k"]


# ------------------------------------------------------------------------------------------------------ Ipopt
def test_minimize_ipopt():
    cyipopt = pytest.importorskip("cyipopt")
    for f, start, solution in ((rosenbrock, START, np.ones(3)), (squares, np.ones(3), RIGHT)):
        obj = made(f)
        for options in ({"jac": True}, {"jac": True, "hess": obj.hess}):
            fit = cyipopt.minimize_ipopt(obj, start, tol=1e-10, **options)
            np.testing.assert_allclose(fit.x, solution, atol=1e-4)
        fit = cyipopt.minimize_ipopt(obj.fun, start, jac=obj.grad, tol=1e-10)
        np.testing.assert_allclose(fit.x, solution, atol=1e-4)
    obj, ineq, eq = (made(f, like=np.zeros(2)) for f in (distance, inside, on_the_line))
    constraints = [{"type": "ineq", "fun": ineq.fun, "jac": ineq.jac, "hess": ineq.hess},
                   {"type": "eq", "fun": eq.fun, "jac": eq.jac, "hess": eq.hess}]  # fmt: skip
    fit = cyipopt.minimize_ipopt(obj, np.array([2.0, 2.0]), jac=True, hess=obj.hess, constraints=constraints)
    assert fit.success and fit.nit < 30
    np.testing.assert_allclose(fit.x, CORNER, atol=1e-6)


# ------------------------------------------------------------------------------------------------------ samplers
def log_density(x):
    return -0.5 * ad.reduce_sum((x - 1.0) ** 2 * np.array([1.0, 4.0]))


@pytest.mark.parametrize("trace", [True, False])
def test_emcee_in_rows(trace):
    emcee = pytest.importorskip("emcee")
    obj = made(log_density, like=np.zeros(2), trace=trace)
    sampler = emcee.EnsembleSampler(16, 2, obj.rows, vectorize=True)
    sampler.random_state = np.random.RandomState(0).get_state()
    sampler.run_mcmc(np.random.default_rng(0).normal(size=(16, 2)), 1500)
    chain = sampler.get_chain(discard=300, flat=True)
    np.testing.assert_allclose(chain.mean(0), 1, atol=0.15)
    np.testing.assert_allclose(chain.std(0), [1.0, 0.5], rtol=0.15)
    points = np.random.default_rng(1).normal(size=(7, 2))
    np.testing.assert_allclose(obj.rows(points), [obj.fun(x) for x in points], rtol=1e-14)
    assert obj.rows(np.zeros((0, 2))).shape == (0,)
    with pytest.raises(ValueError, match=r"points of shape \(m, 2\)"):
        obj.rows(np.zeros(2))


def test_nutpie_calls_it_from_its_threads():
    nutpie = pytest.importorskip("nutpie")
    obj, seen = made(log_density, like=np.zeros(2)), set()

    def log_density_and_slope(x):
        seen.add(threading.get_ident())
        return obj.value_and_grad(x)

    model = nutpie.compiled_pyfunc.from_pyfunc(ndim=2, make_logp_fn=lambda: log_density_and_slope, make_expand_fn=lambda *a: lambda x: {"x": x},
                                               expanded_dtypes=[np.dtype("float64")], expanded_shapes=[(2,)], expanded_names=["x"])  # fmt: skip
    draws = np.asarray(nutpie.sample(model, draws=800, tune=300, chains=4, cores=4, seed=1, progress_bar=False).posterior["x"])
    assert len(seen) >= 2
    np.testing.assert_allclose(draws.mean((0, 1)), 1, atol=0.15)
    np.testing.assert_allclose(draws.std((0, 1)), [1.0, 0.5], rtol=0.1)


# ------------------------------------------------------------------------------------------------------ Keras
def test_keras_optimisers_on_numpy_arrays():
    pytest.importorskip("jax")  # Keras' NumPy backend imports it
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "numpy":
        pytest.skip(f"Keras runs on {keras.backend.backend()} here: KERAS_BACKEND=numpy")
    obj = made(rosenbrock)
    before = obj.fun(START)
    for optimiser in (keras.optimizers.Adam(0.02), keras.optimizers.SGD(1e-3, momentum=0.9), keras.optimizers.Nadam(0.02), keras.optimizers.RMSprop(0.005)):
        weights = keras.Variable(START, dtype="float64")
        optimiser.build([weights])
        for _ in range(3000):
            optimiser.apply([obj.grad(weights.numpy())], [weights])
        assert obj.fun(weights.numpy()) < 2e-2 < before, optimiser.name
