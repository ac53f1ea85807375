"""`hutong drain`."""

from typing import Annotated

from cyclopts import Parameter

from hutong.cli import output
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.wire.api import NodeView, SiteView


def drain(
    place: str,
    /,
    *,
    undo: Annotated[bool, Parameter()] = False,
    json: Json = False,
    hub: Hub = ANY_HUB,
) -> int:
    """Keep new work away from a site or a node.

    What runs there goes on.

    Parameters
    ----------
    place
        A site, or a node as SITE/NODE.
    undo
        Let new work come again.
    """
    view: SiteView | NodeView
    with hub.connect() as client:
        if "/" in place:
            view = client.drain_node(place, draining=not undo)
            state = view.condition
        else:
            view = client.drain_site(place, draining=not undo)
            state = view.status
    if json:
        output.document(view)
    else:
        output.line(f"{output.paint(view.id, 'bold')}  {output.paint(state, '')}")
    return 0
