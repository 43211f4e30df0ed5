{{- define "algesta.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "algesta.fullname" -}}
{{- $name := include "algesta.name" . -}}
{{- if contains $name .Release.Name -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- else -}}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "algesta.serviceAccount" -}}
{{- default (include "algesta.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "algesta.selector" -}}
app.kubernetes.io/name: {{ include "algesta.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "algesta.labels" -}}
{{ include "algesta.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* The names of objects that are in no namespace hold the release's, so that two releases don't meet. */ -}}
{{- define "algesta.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "algesta.fullname" .) -}}
{{- end -}}

{{- /* The configuration's clusters that are the one of the release, as a YAML map of their names. */ -}}
{{- define "algesta.here" -}}
{{- range get .Values.config "clusters" -}}{{- if eq (get . "access") "inCluster" }}
{{ .name | quote }}: true
{{- end -}}{{- end -}}
{{- end -}}

{{- /* The namespaces of the environments in this cluster, sorted, each once, as a YAML list. */ -}}
{{- define "algesta.namespaces" -}}
{{- $here := fromYaml (include "algesta.here" .) -}}
{{- $all := list -}}
{{- range get .Values.config "environments" -}}{{- if hasKey $here (get . "cluster") -}}{{- $all = append $all .namespace -}}{{- end -}}{{- end -}}
{{- $all | uniq | sortAlpha | toYaml -}}
{{- end -}}

{{- /* The namespaces of this cluster whose Secrets the bot may get. */ -}}
{{- define "algesta.secretNamespaces" -}}
{{- $all := list -}}
{{- range get .Values.config "clusters" -}}{{- if eq (get . "access") "inCluster" -}}{{- $all = concat $all (default list (get . "secretNamespaces")) -}}{{- end -}}{{- end -}}
{{- $all | uniq | sortAlpha | toYaml -}}
{{- end -}}

{{- /* The users and groups that the bot acts as in this cluster, each once, sorted. An empty name would be a right to act as anybody. */ -}}
{{- define "algesta.acting" -}}
{{- $users := list -}}{{- $groups := list -}}
{{- range get .Values.config "clusters" -}}{{- if eq (get . "access") "inCluster" -}}
{{- if and (hasKey . "impersonate") (not (get . "impersonate")) }}{{ fail "config.clusters: impersonate names nobody: name who may change something, or take the line out where every change is to be the bot's own" }}{{ end -}}
{{- range default list (get . "impersonate") -}}
{{- if not (get . "user") }}{{ fail "config.clusters: impersonate has an entry without a user" }}{{ end -}}
{{- $users = append $users .user -}}{{- $groups = concat $groups (default list (get . "groups")) -}}
{{- end -}}{{- end -}}{{- end -}}
{{- range concat $users $groups }}{{ if or (not .) (hasPrefix "system:" .) (ne . (trim .)) (regexMatch "[[:cntrl:]\\x{80}-\\x{9f}*]" .) }}{{ fail (printf "config.clusters: impersonate names %q: write a user or a group of people, and none of the cluster's own, without blanks at the ends and control characters" .) }}{{ end }}{{ end -}}
{{- dict "users" ($users | uniq | sortAlpha) "groups" ($groups | uniq | sortAlpha) | toYaml -}}
{{- end -}}

{{- /* Takes rules of files/rights.yaml and the values; renders those that an enabled command needs. */ -}}
{{- define "algesta.rules" -}}
{{- $without := .without -}}
{{- range .rules }}
{{- $needed := not .commands -}}
{{- range .commands }}{{ if not (has . $without) }}{{ $needed = true }}{{ end }}{{ end }}
{{- if $needed }}
- {apiGroups: {{ .apiGroups | toJson }}, resources: {{ .resources | toJson }}, verbs: {{ .verbs | toJson }}}
{{- end }}
{{- end }}
{{- end -}}

{{- /* The port in an address such as ":9095". */ -}}
{{- define "algesta.alertsPort" -}}
{{- with dig "incidents" "alertmanager" "listen" "" .Values.config }}{{ splitList ":" . | last }}{{ end -}}
{{- end -}}

{{- /* What is wrong with the values that the schema can't say. */ -}}
{{- define "algesta.check" -}}
{{- if not (get .Values.config "environments") }}{{ fail "config has no environments: run `bot init`, it asks your cluster and writes a values file" }}{{ end -}}
{{- if not .Values.policy }}{{ fail "policy is empty, so everything would be refused: run `bot init`, or pass yours with --set-file policy=policy.yaml" }}{{ end -}}
{{- $policy := fromYaml .Values.policy -}}
{{- if hasKey $policy "Error" }}{{ fail (printf "policy isn't YAML: %s" $policy.Error) }}{{ end -}}
{{- if ne (default "" (get $policy "kind") | toString) "Policy" }}{{ fail "policy has no `kind: Policy`: it's to be the text of a policy file (--set-file policy=policy.yaml); `bot policy check` explains one" }}{{ end -}}
{{- if not (or .Values.slack.existingSecret .Values.slack.secretProviderClass) }}{{ fail "slack.existingSecret is empty: make a Secret with the keys app-token and bot-token and name it, or name a SecretProviderClass" }}{{ end -}}
{{- range $name, $rule := dig "incidents" "rules" dict .Values.config }}{{ if hasKey $rule "false" }}{{ fail (printf "config.incidents.rules.%s: write \"off\" with quotation marks, Helm reads it as false without them" $name) }}{{ end }}{{ end -}}
{{- $rights := .Files.Get "files/rights.yaml" | fromYaml -}}
{{- $commands := list -}}
{{- range concat $rights.namespaced $rights.everywhere }}{{ $commands = concat $commands (default list .commands) }}{{ end -}}
{{- range .Values.rbac.without }}{{ if not (has . $commands) }}{{ fail (printf "rbac.without: %q is no command that needs a right of its own: write one of %s" . ($commands | uniq | sortAlpha | join ", ")) }}{{ end }}{{ end -}}
{{- $identity := or .Values.serviceAccount.workloadIdentityClientID (hasKey .Values.serviceAccount.annotations "azure.workload.identity/client-id") (not .Values.serviceAccount.create) -}}
{{- range concat (default list (get .Values.config "clusters")) (default list (get .Values.config "registries")) -}}
{{- $name := default (get . "host") (get . "name") -}}{{- $access := default "" (get . "access") -}}
{{- if and (eq $access "workloadIdentity") (not $identity) }}{{ fail (printf "%s has access: workloadIdentity, and serviceAccount.workloadIdentityClientID is empty: write the client ID of the managed identity there" $name) }}{{ end -}}
{{- if eq $access "azureCLI" }}{{ fail (printf "%s has access: azureCLI, which is for a developer's machine: write workloadIdentity" $name) }}{{ end -}}
{{- $about := dig "azure" "access" "" . -}}
{{- if and (eq $about "workloadIdentity") (not $identity) }}{{ fail (printf "%s has azure.access: workloadIdentity, and serviceAccount.workloadIdentityClientID is empty: write the client ID of the managed identity there" $name) }}{{ end -}}
{{- if eq $about "azureCLI" }}{{ fail (printf "%s has azure.access: azureCLI, which is for a developer's machine: write workloadIdentity" $name) }}{{ end -}}
{{- end -}}
{{- if and .Values.slack.existingSecret .Values.slack.secretProviderClass }}{{ fail "slack has both existingSecret and secretProviderClass: keep one" }}{{ end -}}
{{- end -}}
