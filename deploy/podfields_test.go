package deploy_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
)

// What the admission policy says of a field of a pod template in the mode rollback.
const (
	same  = "stays as it is"
	rule  = "has a rule of its own"
	free  = "may be another one in an older template, and gives a token nothing that a command doesn't"
	never = "isn't in a template"
)

// decided says so of each field. A field that Kubernetes adds makes the test below fail until somebody decides.
func decided() map[reflect.Type]map[string]string {
	return map[reflect.Type]map[string]string{
		reflect.TypeFor[corev1.PodSpec](): {
			"serviceAccountName": same, "automountServiceAccountToken": same, "nodeName": same, "runtimeClassName": same, "nodeSelector": same,
			"affinity": same, "schedulerName": same, "tolerations": same, "priorityClassName": same, "priority": same, "preemptionPolicy": same,
			"overhead": same, "os": same, "schedulingGates": same, "resourceClaims": same,
			"dnsPolicy": same, "dnsConfig": same, "hostAliases": same, "hostname": same, "subdomain": same, "setHostnameAsFQDN": same,
			"hostnameOverride": same,
			"serviceAccount":   free, // follows serviceAccountName
			"hostNetwork":      rule, "hostPID": rule, "hostIPC": rule, "hostUsers": rule, "shareProcessNamespace": rule, "securityContext": rule,
			"containers": rule, "initContainers": rule, "volumes": rule, "ephemeralContainers": never,
			// A pod may mount any Secret of its namespace in this mode, so that what pulls images gives nothing more.
			"imagePullSecrets": free,
			// How pods spread over the nodes that they may run on, when they count as ready, how long they take to end, what they may use.
			"topologySpreadConstraints": free, "readinessGates": free, "restartPolicy": free, "terminationGracePeriodSeconds": free,
			"activeDeadlineSeconds": free, "enableServiceLinks": free, "resources": free,
			"workloadRef": same, "schedulingGroup": same, "evictionResponders": same,
		},
		reflect.TypeFor[corev1.Container](): {
			"name": rule, "image": rule, "ports": rule, "env": rule, "envFrom": rule, "resources": rule, "volumeMounts": rule, "volumeDevices": rule,
			"livenessProbe": rule, "readinessProbe": rule, "startupProbe": rule, "lifecycle": rule, "securityContext": rule,
			// What a known image runs is what this mode leaves open: docs/install.md.
			"command": free, "args": free, "workingDir": free, "resizePolicy": free, "restartPolicy": free, "restartPolicyRules": free,
			"terminationMessagePath": free, "terminationMessagePolicy": free, "imagePullPolicy": free, "stdin": free, "stdinOnce": free, "tty": free,
		},
		reflect.TypeFor[corev1.PodSecurityContext](): {
			"seLinuxOptions": same, "windowsOptions": same, "supplementalGroups": same, "supplementalGroupsPolicy": same, "fsGroup": same,
			"sysctls": same, "runAsUser": rule, "runAsGroup": rule, "runAsNonRoot": rule, "seccompProfile": rule, "appArmorProfile": rule,
			"fsGroupChangePolicy": free, "seLinuxChangePolicy": free, // when the owners of files are set, not to whom
		},
		reflect.TypeFor[corev1.SecurityContext](): {
			"capabilities": rule, "privileged": rule, "seLinuxOptions": rule, "windowsOptions": rule, "runAsUser": rule, "runAsGroup": rule,
			"runAsNonRoot": rule, "readOnlyRootFilesystem": rule, "allowPrivilegeEscalation": rule, "procMount": rule, "seccompProfile": rule,
			"appArmorProfile": rule,
		},
	}
}

// TestTheAdmissionPolicyDecidesAboutEveryFieldOfAPod: a field of a newer API that nobody thought of is open to a stolen token.
func TestTheAdmissionPolicyDecidesAboutEveryFieldOfAPod(t *testing.T) {
	t.Parallel()
	rollback, images := expressions(t, "rollback"), expressions(t, "images")
	for of, fields := range decided() {
		pod := of == reflect.TypeFor[corev1.PodSpec]()
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			what := of.Name() + "." + name
			require.Contains(t, fields, name, "%s is new: decide what a stolen token may do with it", what)
			switch fields[name] {
			case same:
				owner := "variables.is.?"
				if !pod {
					owner += "securityContext.?"
				}
				require.Contains(t, rollback, owner+name+" == "+strings.Replace(owner, "is", "was", 1)+name, what)
			case rule:
				require.Regexp(t, `[.?]`+name+`\b`, rollback, what)
			}
			switch {
			case name == "containers" || name == "initContainers" || name == "name" || name == "image" || fields[name] == never:
			case pod && name != "serviceAccountName" && name != "automountServiceAccountToken" && name != "hostNetwork" && name != "hostPID" &&
				name != "hostIPC":
				require.Contains(t, images, "variables.is.?"+name+" == variables.was.?"+name, "%s: %s", "images", what)
			case of == reflect.TypeFor[corev1.Container]():
				require.Contains(t, images, "c.?"+name+" == o.?"+name, "%s: %s", "images", what)
			}
		}
	}
}

// expressions are those of the admission policy in a mode.
func expressions(t *testing.T, mode string) string {
	t.Helper()
	all := of[admissionv1.ValidatingAdmissionPolicy](t, rendered(t, "admissionPolicy: {enabled: true, mode: "+mode+"}").Objects,
		"ValidatingAdmissionPolicy")
	require.Len(t, all, 1)
	var out strings.Builder
	for _, v := range all[0].Spec.Variables {
		out.WriteString(v.Expression + "\n")
	}
	for _, v := range all[0].Spec.Validations {
		out.WriteString(v.Expression + "\n")
	}
	return out.String()
}
