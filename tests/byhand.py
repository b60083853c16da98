"""The corpus with its derivatives written by hand, on Python floats and NumPy arrays: what an engine is held against.

Each function bears the name of its case, takes the same arguments but `ad`, and returns the value
and the derivatives by the leading ones. `g` before a name is the derivative of the value by it.
"""

import math

import numpy as np
from scipy import special

# ---------------------------------------------------------------------------------- scalar programs


def notebook(x, y):
    return 3 * x**2 + 5 * x * y, (6 * x + 5 * y, 5 * x)


def himmelblau(x, y):
    p, q = x**2 + y - 11, x + y**2 - 7
    return p**2 + q**2, (4 * x * p + 2 * q, 2 * p + 4 * y * q)


def chain(x, y, n):
    steps = [x]
    for _ in range(n):
        steps.append(steps[-1] * y + x)
    g, gx, gy = 1.0, 0.0, 0.0
    for s in steps[-2::-1]:
        gx += g
        gy += g * s
        g *= y
    return steps[-1], (gx + g, gy)


def kepler_equation(mean, eccentricity, n):
    angle = mean
    for _ in range(n):
        angle = angle - (angle - eccentricity * math.sin(angle) - mean) / (1 - eccentricity * math.cos(angle))
    slope = 1 - eccentricity * math.cos(angle)
    return angle, (1 / slope, math.sin(angle) / slope)


def orbit(x, y, u, v, dt, n):
    h = 0.5 * dt
    path = [(x, y)]
    r3 = (x * x + y * y) ** 1.5
    for _ in range(n):
        u, v = u - h * x / r3, v - h * y / r3
        x, y = x + dt * u, y + dt * v
        r3 = (x * x + y * y) ** 1.5
        u, v = u - h * x / r3, v - h * y / r3
        path.append((x, y))

    def kick(x, y, gu, gv):  # the derivative of the pull is symmetric: it is its own transpose
        r2 = x * x + y * y
        r3 = r2**1.5
        s = 3 * (x * gu + y * gv) / r2
        return h * (s * x - gu) / r3, h * (s * y - gv) / r3

    gx, gy, gu, gv = 2 * x, 2 * y, 0.0, 0.0
    for before, after in zip(path[-2::-1], path[:0:-1]):
        dx, dy = kick(*after, gu, gv)
        gx, gy = gx + dx, gy + dy
        gu, gv = gu + dt * gx, gv + dt * gy
        dx, dy = kick(*before, gu, gv)
        gx, gy = gx + dx, gy + dy
    return x * x + y * y, (gx, gy, gu, gv)


def lotka_volterra(birth, eaten, death, fed, dt, n):
    path = [(10.0, 5.0)]
    for _ in range(n):
        x, y = path[-1]
        path.append((x + dt * (birth * x - eaten * x * y), y + dt * (fed * x * y - death * y)))
    gx = gy = 1.0
    g_birth = g_eaten = g_death = g_fed = 0.0
    for x, y in path[-2::-1]:
        g_birth += dt * x * gx
        g_eaten -= dt * x * y * gx
        g_death -= dt * y * gy
        g_fed += dt * x * y * gy
        dx = gx * (birth - eaten * y) + gy * fed * y
        dy = gy * (fed * x - death) - gx * eaten * x
        gx, gy = gx + dt * dx, gy + dt * dy
    return sum(path[-1]), (g_birth, g_eaten, g_death, g_fed)


def pendulum(angle, length, dt, n):
    k, speed, path = dt * 9.81 / length, 0.0, []
    for _ in range(n):
        path.append(angle)
        speed -= k * math.sin(angle)
        angle += dt * speed
    g_angle, g_speed, gk = 1.0, 0.0, 0.0
    for a in reversed(path):
        g_speed += dt * g_angle
        gk -= g_speed * math.sin(a)
        g_angle -= g_speed * k * math.cos(a)
    return angle, (g_angle, -gk * k / length)


def kalman(log_q, log_r, ys):
    q, r = math.exp(log_q), math.exp(log_r)
    mean, variance, loss, path = 0.0, 1.0, 0.0, []
    for y in ys:
        variance += q
        total, error = variance + r, y - mean
        loss += 0.5 * (math.log(total) + error * error / total)
        path.append((variance, total, error))
        mean += variance / total * error
        variance *= r / total
    gm = gv = gq = gr = 0.0
    for variance, total, error in reversed(path):
        g_total = 0.5 / total - (0.5 * error**2 + gm * variance * error + gv * variance * r) / total**2
        gr += gv * variance / total + g_total
        gv = (gm * error + gv * r) / total + g_total
        gm -= (gm * variance + error) / total
        gq += gv
    return loss, (gq * q, gr * r)


# ---------------------------------------------------------------------------- functions of a vector


def horner(c, x):
    p = slope = 0.0
    for a in c[::-1]:
        slope = slope * x + p
        p = p * x + a
    return p, (x ** np.arange(len(c)), slope)


def array_chain(v, n):
    steps = [v]
    for _ in range(n):
        steps.append(steps[-1] * v + v)
    g, gv = np.ones_like(v), np.zeros_like(v)
    for s in steps[-2::-1]:
        gv += g * (s + 1)
        g = g * v
    return steps[-1].sum(), (gv + g,)


def speelpenning(x):
    y = x.prod()
    return y, (y / x,)


def rosenbrock(x):
    bend, away = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    g = np.zeros_like(x)
    g[1:] = 200 * bend
    g[:-1] -= 400 * x[:-1] * bend + 2 * away
    return 100 * (bend @ bend) + away @ away, (g,)


def ackley(x):
    n, angle, radius = len(x), 2 * math.pi * x, math.sqrt(x @ x / len(x))
    hill, waves = 20 * math.exp(-0.2 * radius), math.exp(np.cos(angle).mean())
    g = (0.2 * hill / radius * x + 2 * math.pi * waves * np.sin(angle)) / n
    return 20 + math.e - hill - waves, (g,)


def rastrigin(x):
    a = 2 * math.pi * x
    return (10 + x * x - 10 * np.cos(a)).sum(), (2 * x + 20 * math.pi * np.sin(a),)


def helmholtz(x, a, b):
    c, d, s, ax = 1 + math.sqrt(2), 1 - math.sqrt(2), b @ x, a @ x
    u, v, rest, scale = 1 + c * s, 1 + d * s, 1 - s, 2 * math.sqrt(2) * s
    attraction, logs, parts = x @ ax / scale, math.log(u / v), np.log(x / rest)
    g = parts + 1 + x.sum() / rest * b - (ax + a.T @ x) * (logs / scale) - attraction * (c / u - d / v - logs / s) * b
    return x @ parts - attraction * logs, (g,)


def log_sum_exp(x):
    top = x.max()
    e = np.exp(x - top)
    return top + math.log(e.sum()), (e / e.sum(),)


def softplus_sum(v):
    e = np.exp(-np.abs(v))
    softplus, slope = np.log1p(e) + np.maximum(v, 0), np.where(v >= 0, 1, e) / (1 + e)
    return softplus @ v, (softplus + slope * v,)


def euclidean_norm(x):
    y = math.sqrt(x @ x)
    return y, (x / y,)


def robot_arm(angles, lengths):
    heading = np.cumsum(angles)
    across, along = lengths * np.cos(heading), lengths * np.sin(heading)
    x, y = across.sum() - 1, along.sum() - 2
    return x * x + y * y, (np.cumsum((2 * y * across - 2 * x * along)[::-1])[::-1],)


def fir_filter(h, x):
    y = np.correlate(x, h, "valid")
    return 0.5 * y @ y, (np.correlate(x, y, "valid"), np.convolve(y, h))


def heat(u, k, steps):
    path = [u]
    for _ in range(steps):
        u = u.copy()
        u[1:-1] += k * (path[-1][2:] - 2 * path[-1][1:-1] + path[-1][:-2])
        path.append(u)
    g, gk = u.copy(), 0.0
    for w in path[-2::-1]:
        inner = g[1:-1].copy()
        gk += inner @ (w[2:] - 2 * w[1:-1] + w[:-2])
        g[1:-1] -= 2 * k * inner
        g[2:] += k * inner
        g[:-2] += k * inner
    return 0.5 * u @ u, (g, gk)


def lennard_jones(x, i, j):
    apart = x[i] - x[j]
    r2 = (apart * apart).sum(axis=1)
    s = r2**-3
    pull = (-24 * (2 * s * s - s) / r2)[:, None] * apart
    g = np.zeros_like(x)
    np.add.at(g, i, pull)
    np.subtract.at(g, j, pull)
    return 4 * (s * s - s).sum(), (g,)


def black_scholes(spot, strike, rate, volatility, years):
    root = np.sqrt(years)
    up = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / (volatility * root)
    down, discount = up - volatility * root, np.exp(-rate * years)
    exercised = discount * special.ndtr(down)
    delta, vega = special.ndtr(up), spot * np.exp(-0.5 * up * up) / math.sqrt(2 * math.pi) * root
    theta = vega * volatility / (2 * years) + rate * strike * exercised
    return (spot * delta - strike * exercised).sum(), (delta, -exercised, strike * years * exercised, vega, theta)


# -------------------------------------------------------------------- linear algebra and statistics


def quadratic_form(x, a, b):
    ax = a @ x
    return 0.5 * x @ ax - b @ x, (0.5 * (ax + a.T @ x) - b, 0.5 * np.outer(x, x))


def least_squares(x, a, b):
    residual = a @ x - b
    return 0.5 * residual @ residual, (a.T @ residual,)


def logistic_loss(w, a, b):
    m = -b * (a @ w)
    e = np.exp(-np.abs(m))
    return (np.log1p(e) + np.maximum(m, 0)).mean(), (a.T @ (-b * (np.where(m >= 0, 1, e) / (1 + e))) / len(b),)


def poisson_regression(w, a, counts):
    log_rate = a @ w
    rate = np.exp(log_rate)
    return (rate - counts * log_rate).mean(), (a.T @ (rate - counts) / len(counts),)


def softmax_regression(w, a, chosen):
    logits = a @ w
    top = logits.max(axis=1, keepdims=True)
    e = np.exp(logits - top)
    total = e.sum(axis=1, keepdims=True)
    value = (np.log(total) + top).sum() - (chosen * logits).sum()
    return value / len(a), (a.T @ (e / total - chosen) / len(a),)


def huber_regression(w, a, b):
    residual = a @ w - b
    size = np.abs(residual)
    return np.where(size < 1, 0.5 * size * size, size - 0.5).mean(), (a.T @ np.clip(residual, -1, 1) / len(b),)


def gaussian(mean, log_scale, data):
    n, scale = len(data), math.exp(log_scale)
    z = (data - mean) / scale
    zz = z @ z
    return -0.5 * zz - n * (log_scale + 0.5 * math.log(2 * math.pi)), (z.sum() / scale, zz - n)


def student(mean, log_scale, log_nu, data):
    n, scale, nu = len(data), math.exp(log_scale), math.exp(log_nu)
    half, z = 0.5 * nu + 0.5, (data - mean) / scale
    t = z * z / nu
    logs, pull = np.log1p(t).sum(), t / (1 + t)
    value = n * (math.lgamma(half) - math.lgamma(0.5 * nu) - 0.5 * math.log(nu * math.pi) - log_scale) - half * logs
    pulls = pull.sum()
    g_peak = 0.5 * n * (special.digamma(half) - special.digamma(0.5 * nu) - 1 / nu)
    g_nu = g_peak - 0.5 * logs + half / nu * pulls
    return value, (2 * half / (nu * scale) * (z / (1 + t)).sum(), 2 * half * pulls - n, nu * g_nu)


def mixture(logits, means, log_scales, data):
    z = (data[:, None] - means) * np.exp(-log_scales)
    e = np.exp(logits - logits.max())
    weights = e / e.sum()
    terms = np.log(weights) - 0.5 * z * z - log_scales
    top = terms.max(axis=1, keepdims=True)
    share = np.exp(terms - top)
    total = share.sum(axis=1, keepdims=True)
    share /= total
    held = share.sum(axis=0)
    value = (top + np.log(total)).sum()
    pull, spread = (share * z).sum(axis=0), (share * z * z).sum(axis=0)
    return value, (held - len(data) * weights, pull * np.exp(-log_scales), spread - held)


def mlp(w1, b1, w2, b2, x, y):
    hidden = np.tanh(x @ w1 + b1)
    residual = hidden @ w2 + b2 - y
    g = 2 / len(x) * residual
    inner = (g @ w2.T) * (1 - hidden * hidden)
    return (residual * residual).mean(), (x.T @ inner, inner.sum(axis=0), hidden.T @ g, g.sum(axis=0))


def attention(q, k, v):
    scores = q @ k.T / math.sqrt(8)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    out = p @ v
    gp = out @ v.T
    g = p * (gp - (p * gp).sum(axis=1, keepdims=True)) / math.sqrt(8)
    return 0.5 * (out * out).sum(), (g @ k, g.T @ q, p.T @ out)


def deep_network(w1, w2, w3, x, y):
    a = np.tanh(x @ w1)
    h = np.tanh(a @ w2)
    residual = h @ w3 - y
    g = 2 / residual.size * residual
    gh = (g @ w3.T) * (1 - h * h)
    ga = (gh @ w2.T) * (1 - a * a)
    return (residual * residual).mean(), (x.T @ ga, a.T @ gh, h.T @ g)


def _seen(x):
    """What windows of 3 x 3 see: (windows, 9 * channels)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 9 * x.shape[-1])


def convolutions(w1, w2, images):
    n, size = len(images), images.shape[1]
    seen = _seen(images)
    hidden = np.tanh(seen @ w1.reshape(-1, 8)).reshape(n, size - 2, size - 2, 8)
    seen_there = _seen(hidden)
    out = seen_there @ w2.reshape(-1, 8)
    g = 2 / out.size * out
    shares = (g @ w2.reshape(-1, 8).T).reshape(n, size - 4, size - 4, 3, 3, 8)
    g_hidden = np.zeros_like(hidden)
    for i in range(3):
        for j in range(3):
            g_hidden[:, i : i + size - 4, j : j + size - 4] += shares[:, :, :, i, j]
    g_hidden *= 1 - hidden * hidden
    return (out * out).mean(), ((seen.T @ g_hidden.reshape(-1, 8)).reshape(w1.shape), (seen_there.T @ g).reshape(w2.shape))


def log_sum_exp_of_rows(x):
    top = x.max(axis=1, keepdims=True)
    e = np.exp(x - top)
    total = e.sum(axis=1, keepdims=True)
    return (top + np.log(total)).sum(), (e / total,)


def lstm(w, b, xs, start):
    h = c = start
    steps = []
    for x in xs:
        joined = np.concatenate([x, h])
        z = w @ joined + b
        gates, new = 0.5 * np.tanh(0.5 * z) + 0.5, np.tanh(z[28:42])
        before, c = c, gates[14:28] * c + gates[:14] * new
        out = np.tanh(c)
        h = gates[42:] * out
        steps.append((joined, gates, new, before, out))
    gw, gb, gh, gc = np.zeros_like(w), np.zeros_like(b), 2 * h, np.zeros_like(start)
    for joined, gates, new, before, out in reversed(steps):
        gc = gc + gh * gates[42:] * (1 - out * out)
        pull = np.concatenate([gc * new, gc * before, gc * gates[:14] * (1 - new * new), gh * out])
        slope = gates * (1 - gates)
        slope[28:42] = 1
        g = pull * slope
        gw += np.outer(g, joined)
        gb += g
        gh, gc = (w.T @ g)[14:], gc * gates[14:28]
    return h @ h, (gw, gb)


def n_body(x, masses):
    d = x[:, None] - x[None]
    r2 = (d * d).sum(axis=2) + 0.01
    r = np.sqrt(r2)
    g = 0.5 * masses / (r * r2)
    return -0.5 * (masses / r).sum(), (((g + g.T)[:, :, None] * d).sum(axis=1),)
