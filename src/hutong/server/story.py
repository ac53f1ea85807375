"""Each kind of event as a sentence, for a job's story and the stream's readers.

The store reduces a plan to its lines about one job before it tells that job's story.
"""

from hutong.lifecycle import events as ev
from hutong.model.ids import JobId
from hutong.wire.api import StoryLine

Told = tuple[int, int, str, ev.AnyEvent]
"""Position, time (Unix ms), cause, event."""


def story_of(job: JobId, told: list[Told]) -> tuple[StoryLine, ...]:
    """A job's story as the API tells it."""
    return tuple(
        StoryLine(position, at_ms, type(event).__name__, sentence(event, job), cause)
        for position, at_ms, cause, event in told
    )


def sentence(event: ev.AnyEvent, job: JobId | None = None) -> str:
    """What happened, in a sentence; as `job` saw it, where it is given."""
    match event:
        case ev.JobAccepted():
            return f"Accepted from {event.by or 'its owner'} for {event.spec.tenant}."
        case ev.CancelRequested():
            what = "it" if event.element is None else f"element {event.element}"
            return f"{event.by} asked to cancel {what}."
        case ev.PlanDecided():
            return _plan(event, job)
        case ev.AttemptMoved() | ev.AttemptEnded() | ev.AttemptLost() | ev.AttemptSettled():
            return _attempt(event)
        case ev.AttemptCheckpointed():
            return f"Attempt {event.attempt} wrote down its state."
        case ev.PartFailed():
            why = event.reason.sentence()
            return f"Part {event.attempt} did not succeed, so its other parts stop: {why}"
        case ev.JobRequeued():
            what = "Back" if event.element is None else f"Element {event.element} is back"
            return f"{what} in the queue: {event.reason.sentence()}"
        case ev.ElementEnded():
            return f"Element {event.element} {event.state.value}: {event.reason.sentence()}"
        case ev.JobEnded():
            return f"It {_was(event.state.value)}: {event.reason.sentence()}"
        case _:
            return _supply(event)


def _was(state: str) -> str:
    return "was cancelled" if state == "cancelled" else state


def _plan(event: ev.PlanDecided, job: JobId | None) -> str:
    lines = [_placed(placed) for placed in event.placements]
    for stopped in event.preemptions:
        if stopped.by == job:
            lines.append(f"Attempt {stopped.attempt} is stopped to make room for it.")
        else:
            lines.append(f"Attempt {stopped.attempt} is stopped so that {stopped.by} can start.")
    for resized in event.resizes:
        why = f" so that {resized.by} can start" if resized.by and resized.by != job else ""
        stopped_as = f"Attempt {resized.attempt} is stopped{why}"
        lines.append(f"{stopped_as}, to go on with {resized.tasks} task(s).")
    if len(lines) > 3:
        return (
            f"Cycle {event.cycle} placed {len(event.placements)} attempts and stopped "
            f"{len(event.preemptions) + len(event.resizes)}."
        )
    return " ".join(lines) or f"Cycle {event.cycle} changed nothing."


def _placed(placed: ev.AttemptPlaced) -> str:
    chips = f" with {placed.accelerator}" if placed.accelerator else ""
    nodes = f"{len(placed.nodes)} nodes" if len(placed.nodes) > 1 else placed.nodes[0].node
    part = f", part {placed.part + 1} of {placed.parts}" if placed.parts > 1 else ""
    return f"Placed on {placed.pool} ({nodes}){chips} as attempt {placed.attempt}{part}."


def _attempt(
    event: ev.AttemptMoved | ev.AttemptEnded | ev.AttemptLost | ev.AttemptSettled,
) -> str:
    match event:
        case ev.AttemptMoved():
            return f"Attempt {event.attempt} is {event.state.value}."
        case ev.AttemptEnded():
            return f"Attempt {event.attempt} ended: {event.reason.sentence()}"
        case ev.AttemptLost():
            return f"Attempt {event.attempt} counts as lost: {event.reason.sentence()}"
        case ev.AttemptSettled():
            return (
                f"Its site told what became of attempt {event.attempt}: {event.reason.sentence()}"
            )


def _supply(
    event: ev.HubCreated
    | ev.HubStarted
    | ev.ProfileChanged
    | ev.TenantChanged
    | ev.SiteDescribed
    | ev.InventoryChanged
    | ev.SiteDrained
    | ev.NodeDrained
    | ev.SiteSilent
    | ev.SiteReturned
    | ev.OfferScaled
    | ev.BookingPut
    | ev.BookingRemoved
    | ev.BookingEnded,
) -> str:
    match event:
        case ev.HubCreated():
            return f"Hub {event.hub} was made."
        case ev.HubStarted():
            return "The hub started."
        case ev.ProfileChanged():
            return f"The scheduler decides by the profile {event.profile.name}."
        case ev.TenantChanged():
            return f"Tenant {event.tenant.id} has the weight {event.tenant.weight}."
        case ev.SiteDescribed():
            return f"Site {event.site.id} of {event.site.owner} in {event.site.region} joined."
        case ev.OfferScaled():
            what = f"starts {len(event.started)} node(s) for {event.job}"
            if event.away:
                what = f"takes {len(event.away)} idle node(s) back"
            return f"The provider of {event.pool} {what}: {event.nodes} should run."
        case ev.InventoryChanged():
            pools, nodes = len(event.inventory.pools), len(event.inventory.nodes)
            return f"Site {event.site} has {nodes} node(s) in {pools} pool(s)."
        case ev.SiteDrained():
            return f"New work {_goes(draining=event.draining)} site {event.site}."
        case ev.NodeDrained():
            return f"New work {_goes(draining=event.draining)} node {event.node}."
        case ev.SiteSilent():
            return f"Site {event.site} is silent."
        case ev.SiteReturned():
            return f"Site {event.site} was heard again."
        case ev.BookingPut():
            booking = event.booking
            count = len(booking.nodes) or "all"
            where = f"{count} node(s) of {booking.pool or booking.site}"
            return f"{_booked_by(event.by)} books {where} as {booking.id}."
        case ev.BookingRemoved():
            return f"{_booked_by(event.by)} took booking {event.booking} back."
        case ev.BookingEnded():
            return f"Booking {event.booking} is over."


def _booked_by(who: str) -> str:
    return who or "Somebody"


def _goes(*, draining: bool) -> str:
    return "stays away from" if draining else "may go again to"
