# Words for the conditions of the stages. TAGS and TABLE are filled in from scenarios.go.
def known: TABLE;
def tagged: [.spec.containers[].image | (capture("TAGS"; "") | .s) // null];
def scenario:
  (.metadata.annotations["sandbox.algesta.io/scenario"] // "") as $a
  | if known[$a] != null then $a else ([tagged[] | select(. != null)][0] // "ready") end;
def facts: . as $p | known[$p | scenario];
def family: facts.family;
def live: .metadata.deletionTimestamp == null and .status.phase != "Failed" and .status.phase != "Succeeded";
def deleted: .metadata.deletionTimestamp != null;
# hit is the container that the scenario is about: the first whose tag names it, else the first of all.
def hitIndex: ([tagged | to_entries[] | select(.value != null) | .key][0] // 0);
def hitName: .spec.containers[hitIndex].name;
def hit: . as $p | ($p | hitName) as $n | ([$p.status.containerStatuses[]? | select(.name == $n)][0] // {});
def init: .status.initContainerStatuses[0] // {};
def waiting: hit.state.waiting.reason // "";
def running: hit.state.running != null;
def terminated: hit.state.terminated != null;
def restarts: (if (family | startswith("init-")) then init.restartCount else hit.restartCount end) // 0;
# recovered: it has crashed as often as its scenario says, and stays up now.
def recovered: facts.recovers != null and restarts >= facts.recovers;
# settled: it has become ready where it does, so that it may end.
def settled: facts.ready == null or hit.ready or (restarts > 0 and family != "restarts");
def isJob: [.metadata.ownerReferences[]? | .kind] | index("Job") != null;
def restartable: (.spec.restartPolicy // "Always") == "Always";
# A kubelet waits 10s, 20s, 40s ... up to 5m; the sandbox a tenth of it.
def backoff: "\([pow(2; [restarts - 1, 0] | max), 30] | min)s";
