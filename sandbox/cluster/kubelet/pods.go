package kubelet

import "fmt"

// started is what the kubelet says about a container that it could start.
var started = []event{
	{
		"Normal",
		"Pulled",
		`printf "Successfully pulled image %q in 412ms (412ms including waiting). Image size: 187654321 bytes." $container.image`,
	},
	{"Normal", "Created", `"Container created"`},
	{"Normal", "Started", `"Container started"`},
}

// podStages is the life of every pod, as a table of steps. The conditions are jq over the pod with the words of
// selector.jq; a container's "state" is a Go template expression with the words of status.tmpl. The state of a pod is read
// from its own status, so that KWOK may be restarted at any time.
func podStages() []stage {
	return append([]stage{
		{
			name: "pod-delete", when: "deleted", deletes: true,
			afterFrom: `.metadata.annotations["` + annotationStops + `"] // facts.stops // "` + stopsAfter + `"`,
		},
		{
			name: "pod-create", when: `live and .status.startTime == null`, after: "100ms",
			status: `{{ template "create" $x }}`,
			events: []event{{"Normal", "Pulling", `printf "Pulling image %q" $container.image`}},
		},
		{
			name: "pod-initialized", when: `live and waiting == "PodInitializing" and (family | startswith("init-") | not)`, after: "500ms",
			status: `{{ template "create" (merge (dict "initialized" true) $x) }}`,
		},
		{
			name: "pod-start", afterFrom: `facts.starts // "600ms"`,
			when:   `live and waiting == "ContainerCreating" and (family | IN("runs", "crashes", "restarts", "never-ready", "evicts"))`,
			status: `{{ template "pod" (merge (dict "phase" "Running" "state" $running "started" $started) $x) }}`,
			events: started,
		},
		{
			name:      "pod-ready",
			afterFrom: `.metadata.annotations["` + annotationReady + `"] // facts.ready`,
			when: `live and running and (hit.ready | not) and facts.ready != null and (restarts == 0 or recovered or family == "restarts") ` +
				`and (isJob | not)`,
			status: `{{ template "pod" (merge (dict "phase" "Running" "state" $old.state "started" true "ready" true) $x) }}`,
		},
		{
			name: "pod-complete", when: `live and running and isJob and family == "runs"`, after: "1s",
			status: `{{ template "pod" (merge (dict "phase" "Succeeded" "state" $completed "others" "completed") $x) }}`,
		},
		{
			name: "pod-unready", when: `live and running and family == "never-ready"`, after: "1s",
			events: []event{{"Warning", "Unhealthy", `$message`}},
		},
		{
			name: "pod-evict", when: `live and running and hit.ready and family == "evicts"`, afterFrom: "facts.runs",
			status: `{{ template "pod" (merge (dict "phase" "Failed" "state" $terminated "others" "terminated" "reason" "Evicted") $x) }}`,
			events: []event{{"Warning", "Evicted", `$message`}},
		},
		{
			name:  "pod-config-error",
			when:  `live and waiting == "ContainerCreating" and family == "cannot-make"`,
			after: "500ms",
			status: `{{ template "pod" (merge (dict "phase" "Pending" "state" (dict "waiting" (dict "reason" $facts.reason "message" $message))) ` +
				`$x) }}`,
			events: []event{{"Warning", "", `ternary (printf "Error: %s" $message) $message (eq $facts.event "Failed")`}},
		},
		{
			name: "pod-stuck", when: `live and waiting == "ContainerCreating" and facts.event != null and family == "stuck"`, after: "500ms",
			events: []event{{"Warning", "", `$message`}},
		},
	}, append(pullStages(), append(crashStages(), initStages()...)...)...)
}

// pullStages alternate between trying and waiting, as a kubelet does.
func pullStages() []stage {
	trying := stage{
		status: `{{ template "pod" (merge (dict "phase" "Pending" "state" (dict "waiting" (dict "reason" "ErrImagePull" "message" $message))) ` +
			`$x) }}`,
		events: []event{
			{"Warning", "Failed", `printf "Failed to pull image %q: %s" $container.image $message`},
			{"Warning", "Failed", `"Error: ErrImagePull"`},
		},
	}
	first, again := trying, trying
	first.name, first.after, first.when = "pod-pull", "500ms", `live and waiting == "ContainerCreating" and family == "cannot-pull"`
	again.name, again.after, again.when = "pod-pull-again", "10s", `live and waiting == "ImagePullBackOff"`
	return []stage{
		first,
		again,
		{
			name:  "pod-pull-backoff",
			when:  `live and waiting == "ErrImagePull"`,
			after: "1s",
			status: `{{ template "pod" (merge (dict "phase" "Pending" "state" (dict "waiting" (dict "reason" "ImagePullBackOff" "message" ` +
				`(printf "Back-off pulling image %q: ErrImagePull: %s" $container.image $message)))) $x) }}`,
			events: []event{
				{"Normal", "BackOff", `printf "Back-off pulling image %q" $container.image`},
				{"Warning", "Failed", `"Error: ImagePullBackOff"`},
			},
		},
	}
}

// crashStages: the first restart is at once, later ones wait in CrashLoopBackOff for a tenth of the time that a kubelet
// waits (and that the message names). A container of the family restarts has run for longer than that, so that a kubelet does
// not let it wait.
func crashStages() []stage {
	restart := stage{
		status: `{{ template "pod" (merge (dict "phase" "Running" "state" $running "started" $started "restarts" (add $restarts 1) "last" ` +
			`$ended) $x) }}`,
		events: []event{{"Normal", "Started", `"Container started"`}},
	}
	first, later := restart, restart
	first.name, first.after = "pod-restart", "300ms"
	first.when = `live and terminated and restartable and (family == "crashes" and restarts == 0 or family == "restarts")`
	later.name, later.afterFrom = "pod-restart-later", `backoff`
	later.when = `live and waiting == "CrashLoopBackOff" and family == "crashes"`
	end := stage{
		name: "pod-crash", afterFrom: `if restarts == 0 or family == "restarts" then facts.runs else "1500ms" end`,
		when:   `live and running and (family | IN("crashes", "restarts")) and facts.probe == null and (recovered | not) and settled`,
		status: `{{ template "pod" (merge (dict "phase" $crashPhase "state" $terminated "last" $old.lastState) $x) }}`,
	}
	killed := end
	killed.name = "pod-probe"
	killed.when = `live and running and facts.probe != null and settled`
	killed.events = []event{
		{"Warning", "Unhealthy", `$message`},
		{"Normal", "Killing", `printf "Container %s failed %s probe, will be restarted" $container.name $facts.probe`},
	}
	return []stage{
		end,
		killed,
		first,
		later,
		{
			name:  "pod-backoff",
			after: "300ms",
			when:  `live and terminated and family == "crashes" and restartable and restarts > 0`,
			status: `{{ template "pod" (merge (dict "phase" "Running" "state" (dict "waiting" (dict "reason" "CrashLoopBackOff" "message" ` +
				`$backoff)) "last" $ended) $x) }}`,
			events: []event{
				{
					"Warning",
					"BackOff",
					`printf "Back-off restarting failed container %s in pod %s_%s(%s)" $container.name $pod.metadata.name $pod.metadata.namespace ` +
						`$pod.metadata.uid`,
				},
			},
		},
	}
}

// initStages run the first init container: it crashes in the same rhythm, or never ends. The pod's own containers wait as
// PodInitializing.
func initStages() []stage {
	status := func(state, last string, more int) string {
		return fmt.Sprintf(`{{ template "init" (merge (dict "state" %s "last" %s "restarts" (add $restarts %d)) $x) }}`, state, last, more)
	}
	return []stage{
		{
			name:   "init-run",
			when:   `live and (family | startswith("init-")) and waiting == "PodInitializing" and init.state.waiting.reason == "PodInitializing"`,
			after:  "500ms",
			status: status(`$running`, `(dict)`, 0),
			events: started,
		},
		{
			name: "init-crash", when: `live and family == "init-fails" and init.state.running != null`,
			afterFrom: "facts.runs", status: status(`$terminated`, `$old.lastState`, 0),
		},
		{
			name:   "init-backoff",
			when:   `live and family == "init-fails" and init.state.terminated != null`,
			after:  "300ms",
			status: status(`(dict "waiting" (dict "reason" "CrashLoopBackOff" "message" $backoff))`, `$ended`, 0),
			events: []event{
				{
					"Warning",
					"BackOff",
					`printf "Back-off restarting failed container %s in pod %s_%s(%s)" $container.name $pod.metadata.name $pod.metadata.namespace ` +
						`$pod.metadata.uid`,
				},
			},
		},
		{
			name: "init-restart", when: `live and family == "init-fails" and init.state.waiting.reason == "CrashLoopBackOff"`,
			afterFrom: `backoff`, status: status(`$running`, `$ended`, 1),
		},
	}
}
