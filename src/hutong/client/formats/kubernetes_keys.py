"""Every field of a `batch/v1` Job, and what becomes of it here.

A field that Kubernetes knows and Hutong has nothing for is refused by its name; one that it does
not know is a typing error, and the nearest known one is named.
"""

from hutong.client.formats.nodes import Keys
from hutong.model.job import Level

_CLUSTER = "The cluster writes it; it says nothing of what to run."
_MADE = "Objects of a cluster are not made here, so that nothing owns or finds this one."
_VOLUMES = (
    "volumes of a cluster do not exist elsewhere",
    "Use the site's own storage, or carry small files by `files:` of a hutong YAML.",
)
_IDENTITY = ("who a job runs as is the site's matter", "Leave the field away.")
_NETWORK = ("the network of a job is the site's", "Leave the field away.")
_HOST = ("a job does not share its machine's own spaces", "Leave the field away.")
_NODES = (
    "nodes are not chosen by label or name, the hub chooses them",
    "Say what the job needs, or the region: `topology.kubernetes.io/region`.",
)
_PROBES = ("the job is judged by its exit code", "Leave the field away.")
_SECRETS = (
    "the hub reads no secrets and config maps of a cluster",
    "Write the value, or keep it at the site and read it in the command.",
)
_POLICY = (
    "failures are counted by who is to blame: the program, the machine or the site",
    "Use `backoffLimit`, or `retry:` of a hutong YAML.",
)

JOB = Keys(
    ("apiVersion", "kind", "metadata", "spec"),
    unneeded={"status": _CLUSTER},
)

METADATA = Keys(
    ("name", "generateName", "labels"),
    unneeded={
        "annotations": "Nothing here reads annotations.",
        "namespace": "Namespaces are a cluster's; the tenant comes from the queue's label.",
        "creationTimestamp": _CLUSTER,
        "deletionGracePeriodSeconds": _CLUSTER,
        "deletionTimestamp": _CLUSTER,
        "finalizers": _MADE,
        "generation": _CLUSTER,
        "managedFields": _CLUSTER,
        "ownerReferences": _MADE,
        "resourceVersion": _CLUSTER,
        "selfLink": _CLUSTER,
        "uid": _CLUSTER,
    },
)

SPEC = Keys(
    (
        "parallelism", "completions", "completionMode", "backoffLimit", "activeDeadlineSeconds",
        "suspend", "template",
    ),
    refused={
        "backoffLimitPerIndex": (
            "`backoffLimit` counts for each element here already", "Use `backoffLimit`.",
        ),
        "managedBy": ("another controller would run the job", "Leave the field away."),
        "manualSelector": ("pods are not selected here", "Leave the field away."),
        "maxFailedIndexes": (
            "elements of an array fail each on its own", "Leave the field away.",
        ),
        "podFailurePolicy": _POLICY,
        "selector": ("pods are not selected here", "Leave the field away."),
        "successPolicy": (
            "a job succeeds when all its elements do", "Leave the field away.",
        ),
    },
    unneeded={
        "podReplacementPolicy": "A new attempt starts when the old one has ended.",
        "ttlSecondsAfterFinished": "The hub keeps finished jobs in its archive.",
    },
)  # fmt: skip

TEMPLATE = Keys(("metadata", "spec"))

TEMPLATE_METADATA = METADATA._replace(
    honoured=("labels",),
    unneeded={**METADATA.unneeded, "name": _CLUSTER, "generateName": _CLUSTER},
)

POD = Keys(
    (
        "containers", "restartPolicy", "terminationGracePeriodSeconds", "nodeSelector",
        "priorityClassName", "activeDeadlineSeconds", "affinity", "topologySpreadConstraints",
    ),
    refused={
        "dnsConfig": _NETWORK,
        "ephemeralContainers": ("one container runs", "Leave the field away."),
        "hostAliases": _NETWORK,
        "hostIPC": _HOST,
        "hostNetwork": _HOST,
        "hostPID": _HOST,
        "hostUsers": _HOST,
        "hostname": _NETWORK,
        "hostnameOverride": _NETWORK,
        "imagePullSecrets": _SECRETS,
        "initContainers": (
            "one container runs", "Hand in a job before it and wait for that, or use one command.",
        ),
        "nodeName": _NODES,
        "os": ("sites run Linux", "Leave the field away."),
        "overhead": ("what a runtime costs is the site's matter", "Leave the field away."),
        "priority": ("priority is a class, not a number", "Say `priorityClassName: high`."),
        "readinessGates": _PROBES,
        "resourceClaims": ("chips are counted by resources", "Say them in `resources`."),
        "resources": (
            "what a job needs is said by its container", "Say it in the container's `resources`.",
        ),
        "runtimeClassName": ("runtimes are the site's matter", "Leave the field away."),
        "schedulingGates": ("a job cannot be held back", "Leave the field away."),
        "schedulingGroup": ("gangs are said by a hutong YAML", "Say `tasks:` there."),
        "securityContext": _IDENTITY,
        "serviceAccount": _IDENTITY,
        "serviceAccountName": _IDENTITY,
        "setHostnameAsFQDN": _NETWORK,
        "shareProcessNamespace": ("one container runs", "Leave the field away."),
        "subdomain": (
            "pods do not find each other by name here",
            "Write a gang in hutong YAML: `tasks:` and MASTER_ADDR.",
        ),
        "volumes": _VOLUMES,
    },
    unneeded={
        "automountServiceAccountToken": "A job gets no token of a cluster.",
        "dnsPolicy": "Names are looked up as the site does.",
        "enableServiceLinks": "There are no services here that could be linked.",
        "preemptionPolicy": "The hub preempts by priority class.",
        "schedulerName": "The hub is the scheduler.",
        "tolerations": "The hub knows no taints that would have to be tolerated.",
    },
)  # fmt: skip

_OTHER_PODS = (
    "jobs of a tenant are found by their labels alone", "Say it by labels of the pods.",
)  # fmt: skip

AFFINITY = Keys(("podAffinity", "podAntiAffinity"), refused={"nodeAffinity": _NODES})
POD_AFFINITY = Keys(
    (
        "requiredDuringSchedulingIgnoredDuringExecution",
        "preferredDuringSchedulingIgnoredDuringExecution",
    )
)
WEIGHTED_TERM = Keys(("weight", "podAffinityTerm"))
AFFINITY_TERM = Keys(
    ("labelSelector", "topologyKey"),
    refused={
        "namespaces": _OTHER_PODS, "namespaceSelector": _OTHER_PODS, "matchLabelKeys": _OTHER_PODS,
        "mismatchLabelKeys": _OTHER_PODS,
    },
)  # fmt: skip
LABEL_SELECTOR = Keys(("matchLabels", "matchExpressions"))
LABEL_EXPRESSION = Keys(("key", "operator", "values"))
SPREAD = Keys(
    ("maxSkew", "topologyKey", "whenUnsatisfiable", "labelSelector"),
    refused={"matchLabelKeys": _OTHER_PODS, "minDomains": _NODES},
    unneeded={
        "nodeAffinityPolicy": "Only nodes that fit are looked at anyway.",
        "nodeTaintsPolicy": "The hub knows no taints.",
    },
)
TOPOLOGY_LEVELS = {
    "kubernetes.io/hostname": Level.NODE,
    "topology.kubernetes.io/rack": Level.RACK,
    "topology.kubernetes.io/zone": Level.SITE,
}
"""Labels of nodes by which places are told apart, and the level of such a place."""

CONTAINER = Keys(
    ("name", "image", "command", "args", "env", "resources", "workingDir"),
    refused={
        "envFrom": _SECRETS,
        "lifecycle": ("nothing is called before and after", "Do it in the command."),
        "livenessProbe": _PROBES,
        "readinessProbe": _PROBES,
        "resizePolicy": ("a running job keeps what it got", "Leave the field away."),
        "restartPolicy": ("one container runs", "Leave the field away."),
        "restartPolicyRules": _POLICY,
        "securityContext": _IDENTITY,
        "startupProbe": _PROBES,
        "stdin": ("nothing is fed to a job's standard input", "Leave the field away."),
        "stdinOnce": ("nothing is fed to a job's standard input", "Leave the field away."),
        "tty": ("a job has no terminal", "Leave the field away."),
        "volumeDevices": _VOLUMES,
        "volumeMounts": _VOLUMES,
    },
    unneeded={
        "imagePullPolicy": "Images are the site's matter.",
        "ports": "No port of a job is opened to others.",
        "terminationMessagePath": "The hub keeps the log and the exit code.",
        "terminationMessagePolicy": "The hub keeps the log and the exit code.",
    },
)

RESOURCES = Keys(
    ("requests", "limits"),
    refused={"claims": ("chips are counted by resources", "Say them as `limits`.")},
)

ENV = Keys(("name", "value"), refused={"valueFrom": _SECRETS})

UNCOUNTED = ("ephemeral-storage",)
"""Resources that the hub does not count and every site has."""

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
PRIORITY_LABEL = "kueue.x-k8s.io/priority-class"
REGION_LABELS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
CHIP_LABEL = "nvidia.com/gpu.product"
"""The label by which NVIDIA's own discovery names the chip of a node."""

HARMLESS_SELECTORS = {"kubernetes.io/os": "linux"}
"""Labels that every node of every site has."""
