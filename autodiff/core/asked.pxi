# What `gradient` and its like are asked for: targets, sources, their cotangents.

cdef bint zeros_wanted(object unconnected) except -1:
    if unconnected is UNCONNECTED_NONE:
        return False
    value = getattr(unconnected, "value", unconnected)
    if value == "none":
        return False
    if value == "zero":
        return True
    raise ValueError(f"Unknown value for unconnected_gradients: {unconnected!r}; expected 'none' or 'zero'")


cdef list targets_of(object target, str name="gradient"):
    if target is None:
        raise TypeError(f"{name}: Argument `target` should be a list or nested structure of Tensors or Variables, but received None.")
    targets = nest_flatten(target)
    for t in targets:
        if not is_tensor(t):
            raise errors.no_tensor_to_differentiate("target", t, name)
    return targets


cdef list sources_of(object sources):
    if sources is None:
        raise TypeError("gradient: sources is None; expected a tensor, a variable or a nested structure of them")
    flat = nest_flatten(sources)
    for s in flat:
        if not is_tensor(s):
            raise errors.no_tensor_to_differentiate("sources", s)
    return flat


cdef bint nested(list sources) except -1:
    for s in sources:
        if not is_tensor(s):
            return True
    return False


cdef Tensor broadcast_seed(Tensor seed, Tensor target):
    seed = apply(ops.mul, (seed, filled(target.code, target, 1.0)), {})
    if shape_tuple(seed) != shape_tuple(target):
        raise errors.ShapeError(f"gradient: output_gradients of shape {shape_tuple(seed)} for a target of shape "
                                f"{shape_tuple(target)}: expected that shape, or one that broadcasts to it")
    return seed


cdef Tensor zeros_for(object source):
    cdef Tensor t = source if type(source) is Tensor else held_now(<VariableCore>source)
    return filled(t.code, t, 0.0)
