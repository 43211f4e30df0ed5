package dump

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// The bounds of a folder. What is beyond them is not read, and the answer says so.
const (
	MaxFileBytes  = 64 << 20
	MaxTotalBytes = 512 << 20
	MaxFiles      = 20_000
	MaxDepth      = 6
	// MaxObjects is about five times what a namespace of 5,000 pods has, with its events. A file of a megabyte can name more, and each takes a
	// kilobyte of memory and is compared with the others.
	MaxObjects = 50_000
	// MaxOfKind is for the kinds of which there are few, because rules compare them each with each: Kubernetes is built for 10,000 Services.
	MaxOfKind = 5_000
	// MaxValues bounds what one file is decoded into, before it is: a value takes some hundred bytes of memory, and "[]," is one.
	MaxValues = 2_000_000
	// MaxNesting is deeper than any Kubernetes object.
	MaxNesting = 100
)

// Dump is what a folder holds.
type Dump struct {
	Objects    []runtime.Object
	Logs       []Log
	NotChecked []facts.NotChecked
	// Now is the latest moment that any object mentions: the folder does not say when it was written.
	Now time.Time
}

// Log is the log of one container.
type Log struct {
	Request facts.LogRequest
	Raw     []byte
}

// Read reads a folder. It is an error when the folder cannot be opened or holds nothing that is understood; a broken
// file in it is only noted.
func Read(dir string) (Dump, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Dump{}, fmt.Errorf("opening dump folder: %w", err)
	}
	defer func() { _ = root.Close() }() // it was only read
	return ReadFS(root.FS())
}

// ReadFS is Read for any file system.
func ReadFS(folder fs.FS) (Dump, error) {
	r := reader{seen: map[string]*listing{}, over: map[string]bool{}, count: map[string]int{}, unknown: map[string]int{}}
	if err := fs.WalkDir(
		folder,
		".",
		func(name string, entry fs.DirEntry, err error) error { return r.visit(folder, name, entry, err) },
	); err != nil {
		return Dump{}, fmt.Errorf("reading dump folder: %w", err)
	}
	if len(r.dump.Objects) == 0 {
		return Dump{}, errors.New("reading dump folder: it holds no list of Kubernetes objects")
	}
	r.finish()
	return r.dump, nil
}

// Snapshot is the dump as diagnosis takes it.
func (d Dump) Snapshot() *facts.Snapshot {
	s := facts.NewSnapshot(d.Now, d.Objects, d.NotChecked)
	for _, log := range d.Logs {
		s.AddLog(log.Request, log.Raw)
	}
	return s
}

// Diagnose reads a folder and answers about a service in an environment, as people type them: "ms-orders", "pod/x",
// "production". Both may be empty. The setting says how to write the answer.
func Diagnose(dir, service, environment string, setting facts.Setting) (diagnosis.Diagnosis, error) {
	d, err := Read(dir)
	if err != nil {
		return diagnosis.Diagnosis{}, err
	}
	s := d.Snapshot()
	s.Configure(setting)
	return diagnosis.Diagnose(s, s.Subject(service, environment)), nil
}

type reader struct {
	dump  Dump
	total int64
	files int
	seen  map[string]*listing // by resource
	full  bool                // there are more than MaxObjects
	over  map[string]bool     // resources of which there are more than MaxOfKind
	count map[string]int      // objects by resource
	// unknown are how many objects there are of each kind that no rule asks about.
	unknown map[string]int
	cut     bool // reading what is left of a list whose end is missing
	// unnamed is a file with an empty list of which nothing says what it was to list.
	unnamed string
	// inFile are the resources of the file that is being read.
	inFile map[string]bool
	texts  []logFile
}

// listing is where objects of a resource were seen.
type listing struct {
	everywhere bool            // a list over all namespaces, or of what has none
	namespaces map[string]bool // that were listed one by one
}

type logFile struct {
	namespace, pod string
	previous       bool
	raw            []byte
}

func (r *reader) visit(folder fs.FS, name string, entry fs.DirEntry, err error) error {
	if err != nil {
		r.note(name, "it couldn't be opened")
		if entry != nil && entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	if entry.IsDir() {
		if strings.Count(name, "/") >= MaxDepth {
			return fs.SkipDir
		}
		return nil
	}
	kind := fileKind(name)
	if kind == "" {
		return nil
	}
	if !entry.Type().IsRegular() {
		r.note(name, "it isn't a regular file; I don't follow links")
		return nil
	}
	r.files++
	if r.files > MaxFiles {
		r.note("other files", fmt.Sprintf("the folder has more than %d files", MaxFiles))
		return fs.SkipAll
	}
	data, reason := r.load(folder, name)
	if reason != "" {
		r.note(name, reason)
		return nil
	}
	if kind == "log" {
		r.addLog(name, data)
		return nil
	}
	r.addObjects(name, data, kind == "json")
	return nil
}

func fileKind(name string) string {
	switch base := path.Base(name); {
	case base == "logs.txt", base == "previous.txt":
		return "log"
	case strings.HasSuffix(base, ".yaml"), strings.HasSuffix(base, ".yml"):
		return "yaml"
	case strings.HasSuffix(base, ".json"):
		return "json"
	}
	return ""
}

// load reads a file within the bounds. Of a log only the end matters.
func (r *reader) load(folder fs.FS, name string) (data []byte, reason string) {
	file, err := folder.Open(name)
	if err != nil {
		return nil, "it couldn't be opened"
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err = io.ReadAll(io.LimitReader(file, MaxFileBytes+1))
	if err != nil {
		return nil, "it couldn't be read"
	}
	if len(data) > MaxFileBytes {
		return nil, fmt.Sprintf("it is bigger than %d MiB", MaxFileBytes>>20)
	}
	if r.total+int64(len(data)) > MaxTotalBytes {
		return nil, fmt.Sprintf("the folder is bigger than %d MiB", MaxTotalBytes>>20)
	}
	r.total += int64(len(data))
	return data, ""
}

func (r *reader) note(what, reason string) {
	const most = 50 // a hostile folder must not fill the answer
	if len(r.dump.NotChecked) < most {
		r.dump.NotChecked = append(r.dump.NotChecked, facts.NotChecked{Kind: "file " + what, Reason: reason})
	}
}

// addLog keeps the end of a log file until the pods are known. Its folder is the pod, the one above the namespace.
func (r *reader) addLog(name string, data []byte) {
	dir := path.Dir(name)
	if dir == "." {
		r.note(name, "put a log into a folder named after its pod")
		return
	}
	file := logFile{pod: path.Base(dir), previous: path.Base(name) == "previous.txt", raw: data}
	if above := path.Dir(dir); above != "." {
		file.namespace = path.Base(above)
	}
	r.texts = append(r.texts, file)
}

// resourcesOfADump are those that a diagnosis uses; the answer names those that the folder lacks.
var resourcesOfADump = []string{
	"pods",
	"deployments",
	"replicasets",
	"statefulsets",
	"daemonsets",
	"jobs",
	"cronjobs",
	"services",
	"endpointslices",
	"ingresses",
	"ingressclasses",
	"horizontalpodautoscalers",
	"resourcequotas",
	"limitranges",
	"poddisruptionbudgets",
	"persistentvolumeclaims",
	"storageclasses",
	"nodes",
	"events",
	"configmaps",
	"secrets",
	"certificates",
	"certificaterequests",
	"orders",
	"challenges",
	"issuers",
	"clusterissuers",
}

// unlisted is why a kind that no file has any object of was not checked. kubectl writes one empty list for several kinds, which doesn't
// say what they were.
func (r *reader) unlisted() string {
	if r.unnamed == "" {
		return "no file in the folder lists them"
	}
	return "no file in the folder has any; " + r.unnamed + " is an empty list that doesn't say of what, so a file of its own for each kind " +
		"tells more"
}

func (r *reader) finish() {
	namespaces := map[string]bool{}
	pods := map[string][]*corev1.Pod{}
	for _, o := range r.dump.Objects {
		if p, ok := o.(*corev1.Pod); ok {
			pods[p.Name] = append(pods[p.Name], p)
			namespaces[p.Namespace] = true
		}
	}
	for _, resource := range resourcesOfADump {
		if r.full {
			r.dump.NotChecked = append(r.dump.NotChecked, facts.NotChecked{
				Kind: resource, Reason: fmt.Sprintf("the folder holds more than %d objects, and I didn't read the rest", MaxObjects),
			})
			continue
		}
		if r.over[resource] {
			r.dump.NotChecked = append(r.dump.NotChecked, facts.NotChecked{
				Kind: resource, Reason: fmt.Sprintf("the folder holds more than %d of them, and I didn't read the rest", MaxOfKind),
			})
			continue
		}
		at := r.seen[resource]
		if at == nil {
			r.dump.NotChecked = append(r.dump.NotChecked, facts.NotChecked{Kind: resource, Reason: r.unlisted()})
			continue
		}
		if at.everywhere {
			continue
		}
		if resource == "pods" {
			r.dump.NotChecked = append(
				r.dump.NotChecked,
				facts.NotChecked{Kind: facts.OtherPods, Reason: "the folder only lists those of " + strings.Join(sorted(namespaces), ", ")},
			)
		}
		for _, namespace := range sorted(namespaces) {
			if !at.namespaces[namespace] {
				r.dump.NotChecked = append(
					r.dump.NotChecked,
					facts.NotChecked{Kind: resource, Namespace: namespace, Reason: "no file in the folder lists them for this namespace"},
				)
			}
		}
	}
	r.noteUnknown()
	for _, file := range r.texts {
		for _, p := range pods[file.pod] {
			if file.namespace == "" || p.Namespace == file.namespace || len(pods[file.pod]) == 1 {
				r.dump.Logs = append(r.dump.Logs, split(file, p)...)
				break
			}
		}
	}
	r.dump.Now = lastMoment(r.dump.Objects).UTC()
}

func sorted(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

const (
	startMark = "==== START logs for container "
	endMark   = "==== END logs for container "
)

// split cuts a file at the marks that cluster-info dump writes around each container. Without marks the log is of the
// pod's default container, or of its first that has failed.
func split(file logFile, p *corev1.Pod) []Log {
	text := string(file.raw)
	if !strings.Contains(text, startMark) {
		return []Log{{request(p, containerOf(p), file.previous), tail(text)}}
	}
	var logs []Log
	for part := range strings.SplitSeq(text, startMark) {
		head, body, found := strings.Cut(part, "\n")
		container, _, named := strings.Cut(head, " of pod ")
		if !found || !named {
			continue
		}
		if end := strings.LastIndex(body, endMark); end >= 0 {
			body = body[:end]
		}
		if strings.HasPrefix(body, "Request log error: ") || strings.HasPrefix(body, "Create log request error: ") {
			continue // kubectl writes so where there is no log
		}
		logs = append(logs, Log{request(p, container, file.previous), tail(body)})
		if len(logs) == 64 {
			break
		}
	}
	return logs
}

func request(p *corev1.Pod, container string, previous bool) facts.LogRequest {
	return facts.LogRequest{Namespace: p.Namespace, Pod: p.Name, Container: container, Previous: previous}
}

func tail(text string) []byte {
	return []byte(text[max(0, len(text)-facts.MaxLogBytes):])
}

func containerOf(p *corev1.Pod) string {
	if name := p.Annotations["kubectl.kubernetes.io/default-container"]; name != "" {
		return name
	}
	for _, statuses := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for i := range statuses {
			if end := statuses[i].State.Terminated; statuses[i].RestartCount > 0 || end != nil && end.ExitCode != 0 {
				return statuses[i].Name
			}
		}
	}
	if len(p.Spec.Containers) == 0 {
		return ""
	}
	return p.Spec.Containers[0].Name
}
