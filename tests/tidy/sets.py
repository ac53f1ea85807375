"""Where code depends on the order of a set: strings hash differently in every run, so sets do too.

Best effort on one module: a set is recognised by its display, its call, its annotation or the
assignment of one of these to a name or a field of the same module.
"""

import ast
from collections.abc import Iterator

SET_TYPES = frozenset({"set", "frozenset", "AbstractSet", "Set", "MutableSet"})
SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference"})
# What comes out of these does not depend on the order of what goes in.
ORDER_FREE = frozenset({"sorted", "set", "frozenset", "len", "any", "all", "sum", "min", "max"})
ORDER_KEEPING = frozenset(
    {"list", "tuple", "enumerate", "iter", "map", "filter", "zip", "join", "fromkeys", "extend"}
)
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def lines_that_depend_on_a_sets_order(module: ast.Module) -> list[int]:
    """Return the lines, ascending, at which something reads a set in its own order."""
    fields = frozenset(_annotated_fields(module))
    return sorted(_in_scope(module, frozenset(), fields))


def _in_scope(scope: ast.AST, outer: frozenset[str], fields: frozenset[str]) -> Iterator[int]:
    """Yield the findings of one function or module; names of an enclosing scope stay known."""
    own = list(_own_nodes(scope))
    sets = _Sets(_names(scope, own, outer, fields), fields)
    free = {
        id(argument)
        for node in own
        if isinstance(node, ast.Call) and _name(node.func) in ORDER_FREE
        for argument in node.args
    }
    for node in own:
        if id(node) not in free:
            yield from (read.lineno for read in _reads_in_order(node, sets) if sets.holds(read))
        if isinstance(node, Function):
            yield from _in_scope(node, sets.names, fields)


class _Sets:
    """What is known to be a set: names of the scope and fields of the module."""

    def __init__(self, names: frozenset[str], fields: frozenset[str]) -> None:
        self.names = names
        self.fields = fields

    def holds(self, node: ast.expr) -> bool:
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Name(id=name):
                return name in self.names
            case ast.Attribute(attr=name):
                return name in self.fields
            case ast.Call(func=ast.Name(id=name)):
                return name in {"set", "frozenset"}
            case ast.Call(func=ast.Attribute(value=value, attr=name)):
                return name in SET_METHODS and self.holds(value)
            case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
                return self.holds(left)
            case ast.IfExp(body=body, orelse=orelse):
                return self.holds(body) or self.holds(orelse)
            case _:
                return False


def _reads_in_order(node: ast.AST, sets: _Sets) -> Iterator[ast.expr]:
    """Yield what `node` goes through from first to last."""
    match node:
        case ast.For(iter=iterable) | ast.AsyncFor(iter=iterable):
            yield iterable
        case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
            yield from (generator.iter for generator in node.generators)
        case ast.Starred(value=value):
            yield value
        case ast.Call(func=ast.Attribute(value=value, attr="pop"), args=[]) if sets.holds(value):
            yield value
        case ast.Call(func=function, args=arguments, keywords=keywords):
            by_key = any(keyword.arg == "key" for keyword in keywords)
            name = _name(function)
            if name in ORDER_KEEPING or (name in {"min", "max"} and by_key):
                yield from arguments
        case _:
            pass


def _names(
    scope: ast.AST, own: list[ast.AST], outer: frozenset[str], fields: frozenset[str]
) -> frozenset[str]:
    names = dict.fromkeys(outer, True)
    if isinstance(scope, Function):
        arguments = scope.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            names[argument.arg] = _annotates_a_set(argument.annotation)
    for node in own:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                names[name] = _annotates_a_set(annotation)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                known = frozenset(known for known, is_set in names.items() if is_set)
                names[name] = _Sets(known, fields).holds(value)
            case _:
                pass
    return frozenset(name for name, is_set in names.items() if is_set)


def _annotated_fields(module: ast.Module) -> Iterator[str]:
    """Yield the names of the module's fields that are sets: `x: set` in a class, `self.x: set`."""
    for node in ast.walk(module):
        for inner in node.body if isinstance(node, ast.ClassDef) else [node]:
            if not isinstance(inner, ast.AnnAssign) or not _annotates_a_set(inner.annotation):
                continue
            if isinstance(inner.target, ast.Attribute):
                yield inner.target.attr
            elif isinstance(inner.target, ast.Name) and inner is not node:
                yield inner.target.id


def _annotates_a_set(annotation: ast.expr | None) -> bool:
    while isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    return annotation is not None and _name(annotation) in SET_TYPES


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope in source order, not the inside of nested functions."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, Function):
            yield from _own_nodes(child)


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
