"""Every key of a SkyPilot task, and what becomes of it here."""

from hutong.client.formats.nodes import Keys

_BUCKET = ("nothing is fetched from object stores yet", "Read it from the site's own storage.")
_CLOUD = ("machines are offered by sites, not chosen by their make", "Say CPUs, memory and chips.")
_SERVICE = ("services without an end are no jobs", "Hand in a job that ends.")
_OWN = ("it is written by SkyPilot for itself", "Leave the key away.")
_DISK = "The hub does not count disks; the site's own are used."

TASK = Keys(
    (
        "name", "workdir", "num_nodes", "resources", "envs", "file_mounts", "setup", "run",
        "execution",
    ),
    refused={
        "api_server_access": ("a job gets no token of the hub", "Leave the key away."),
        "config": (
            "it configures SkyPilot's own backends",
            "Leave the key away; the operator of the hub configures sites.",
        ),
        "event_callback": (
            "the hub calls nothing back", "Follow the job by `hutong events`.",
        ),
        "experimental": ("it configures SkyPilot itself", "Leave the key away."),
        "file_mounts_mapping": _OWN,
        "inputs": _BUCKET,
        "managed_secrets": ("the hub keeps no secrets", "Keep them at the site."),
        "outputs": _BUCKET,
        "pool": _SERVICE,
        "primary_tasks": ("all tasks of a pipeline count", "Leave the key away."),
        "secrets": (
            "the hub keeps no secrets: they would stand readable in the job",
            "Keep them at the site and let the script read them there.",
        ),
        "service": _SERVICE,
        "termination_delay": ("a pipeline runs one task after another", "Leave the key away."),
        "volume_mounts": _OWN,
        "volumes": ("volumes are not made by the hub", "Use the site's own storage."),
        "_metadata": _OWN,
        "_policy": _OWN,
    },
    meant={
        "env": "`envs`", "nodes": "`num_nodes`", "tasks": "`num_nodes`", "command": "`run`",
        "accelerators": "`resources: {accelerators: ...}`", "cpus": "`resources: {cpus: ...}`",
        "memory": "`resources: {memory: ...}`", "use_spot": "`resources: {use_spot: ...}`",
    },
)  # fmt: skip

RESOURCES = Keys(
    (
        "accelerators", "cpus", "memory", "infra", "cloud", "region", "use_spot", "job_recovery",
        "spot_recovery", "any_of", "ordered", "labels", "image_id", "priority", "priority_class",
    ),
    refused={
        "accelerator_args": ("they are for TPUs, which no site offers", "Leave the key away."),
        "instance_type": _CLOUD,
        "local_disk": ("disks are not counted by the hub", "Leave the key away."),
        "max_hourly_cost": (
            "what a job may cost is capped in all, not by the hour",
            "Say `budget: 120 CNY` in a hutong YAML.",
        ),
        "ports": ("no port of a job is opened to others", "Leave the key away."),
        "volumes": ("volumes are not made by the hub", "Use the site's own storage."),
        "zone": ("zones inside a region are not known here", "Say the region."),
        "_docker_login_config": _OWN,
        "_is_image_managed": _OWN,
        "_requires_fuse": _OWN,
        "_cluster_config_overrides": _OWN,
    },
    unneeded={
        "autostop": "A job's resources are free as soon as it ends.",
        "disk_size": _DISK,
        "disk_tier": _DISK,
        "ephemeral_storage": _DISK,
        "network_tier": "Gangs are placed on the tightest part of a network.",
        "_no_missing_accel_warnings": "Unknown chips are always refused.",
    },
    meant={
        "cpu": "`cpus`", "mem": "`memory`", "gpus": "`accelerators`", "gpu": "`accelerators`",
        "spot": "`use_spot`",
    },
)  # fmt: skip

ALTERNATIVE = RESOURCES._replace(honoured=("accelerators", "infra", "cloud", "region", "use_spot"))
"""Keys in which the alternatives of `any_of` and `ordered` may differ."""

RECOVERY = Keys(("strategy", "max_restarts_on_errors", "recover_on_exit_codes"))

MOUNT = Keys(
    (),
    refused=dict.fromkeys(
        ("name", "source", "store", "persistent", "mode", "mount_options", "type", "config"),
        _BUCKET,
    ),
)

CLOUDS = (
    "aws", "azure", "gcp", "oci", "ibm", "lambda", "runpod", "vast", "nebius", "cudo", "do",
    "fluidstack", "paperspace", "scp", "vsphere", "hyperbolic", "seeweb", "shadeform",
    "primeintellect", "cloudflare", "together", "verda", "mithril", "yotta",
)  # fmt: skip
"""Clouds that SkyPilot starts machines in and no connector of Hutong reaches."""
