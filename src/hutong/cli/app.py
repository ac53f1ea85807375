"""The commands by name, each with its line in the help; their modules are imported when called."""

import json

from cyclopts import App, Group, Parameter

import hutong
from hutong.cli.main import ELSEWHERE

JOBS = Group("Jobs", sort_key=1)
SUPPLY = Group("Sites and the hub", sort_key=2)
TOOLS = Group("Tools", sort_key=3)

COMMANDS = (
    ("submit", JOBS, "submit:submit", "Hand in job files, or a command."),
    ("plan", JOBS, "plan:plan", "Say what would happen to job files; nothing is handed in."),
    ("jobs", JOBS, "jobs:jobs", "List jobs."),
    ("job", JOBS, "job:job", "Show a job, its attempts and its story."),
    ("logs", JOBS, "logs:logs", "Print what a task wrote."),
    ("cancel", JOBS, "cancel:cancel", "End jobs, or one element of an array."),
    ("explain", JOBS, "explain:explain", "Say why a job waits, or why it is where it is."),
    ("up", SUPPLY, "up:up", "Run a hub on this machine, with sites if files name them."),
    ("sites", SUPPLY, "sites:sites", "List the sites that joined."),
    ("pools", SUPPLY, "pools:pools", "List pools, their prices, and what providers offer."),
    ("nodes", SUPPLY, "nodes:nodes", "List nodes and what is free on them."),
    ("drain", SUPPLY, "drain:drain", "Keep new work away from a site or a node."),
    ("tenants", SUPPLY, "tenants:tenants", "List tenants, what is their due and what they use."),
    ("tenant", SUPPLY, "tenants:tenant", "Show a tenant, or set its weight and quota."),
    ("book", SUPPLY, "book:book", "Keep nodes for tenants, or out of use, for a time."),
    ("bookings", SUPPLY, "bookings:bookings", "List the bookings that are not over."),
    ("unbook", SUPPLY, "bookings:unbook", "Take a booking back."),
    ("usage", SUPPLY, "usage:usage", "Show what tenants used and what it cost."),
    ("events", SUPPLY, "events:events", "Show the hub's journal as it is written."),
    ("token", SUPPLY, "tokens:token", "Make, list and revoke tokens."),
    ("agent", SUPPLY, "elsewhere:agent", "Run the agent of a site."),
    ("profiles", TOOLS, "profiles:profiles", "List the scheduler's profiles, or show one."),
    (
        "doctor",
        TOOLS,
        "doctor:doctor",
        "Check this installation, the way to the hub, and its profile.",
    ),
    ("simulate", TOOLS, "elsewhere:simulate", "Run the same machines in virtual time."),
    ("demo", TOOLS, "elsewhere:demo", "Run a hub, three sites and the bundled jobs."),
    ("compile", TOOLS, "compile:compile", "Compile the scheduler's kernels."),
    ("completion", TOOLS, "completion:completion", "Print the completion script of a shell."),
    ("version", TOOLS, "version:version", "Print the version."),
)
STDIN = "/dev/stdin"
# Commands that take a program behind `--`.
TAKE_A_PROGRAM = ("submit", "plan")


def build(called: str = "") -> App:
    """Make the application. The command that is `called` shows its whole docstring as its help;
    the others are not even imported, and show their line of the list above."""
    made = App(
        name="hutong",
        help="One fair queue, one bill and one set of rules over many clusters, clouds and chips.",
        version=hutong.__version__,
        help_format="plaintext",
        default_parameter=Parameter(negative="", show_default=False),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for name, group, place, line in COMMANDS:
        path, shown = f"hutong.cli.{place}", None if name == called else line
        if name in ELSEWHERE:  # it answers `--help` itself
            made.command(path, name=name, group=group, help=shown, help_flags=(), version_flags=())
        else:
            made.command(path, name=name, group=group, help=shown)
    made.command(
        "hutong.cli.completion:install", name="--install-completion", group=TOOLS,
        help="Install completion for the shell in use.",
    )  # fmt: skip
    made["--help"].group = (TOOLS,)
    made["--version"].group = (TOOLS,)
    return made


def prepared(arguments: list[str]) -> list[str]:
    """Give `submit` and `plan` a command line that cannot be mistaken: the program behind `--` as
    one option, and standard input by a name that does not look like an option."""
    if not arguments or arguments[0] not in TAKE_A_PROGRAM:
        return arguments
    program: list[str] = []
    if "--" in arguments:
        place = arguments.index("--")
        program = [f"--program={json.dumps(arguments[place + 1 :])}"]
        arguments = arguments[:place]
    return [STDIN if word == "-" else word for word in arguments] + program


app = build()
