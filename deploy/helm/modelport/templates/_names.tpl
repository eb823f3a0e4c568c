{{- define "modelport.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "modelport.chosen" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "modelport.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "modelport.chosen" . }}
{{- end }}

{{- define "modelport.account" -}}
{{- if .Values.serviceAccount.name }}{{ .Values.serviceAccount.name }}{{ else if .Values.serviceAccount.create }}{{ include "modelport.name" . }}{{ else }}default{{ end }}
{{- end }}

{{- /* Whether the file of settings has something that only a Secret may have: a setting that is a secret, of all
models or of one; "yes" or nothing. */ -}}
{{- define "modelport.hasSecrets" -}}
{{- $file := fromToml .Values.settings }}
{{- range $name := list "tls_key_password" "oidc_client_secret" "environment" "database_url" "webhook_secret" }}
{{- if hasKey $file $name }}yes{{ end }}
{{- end }}
{{- range $model := $file.models }}
{{- if hasKey $model "environment" }}yes{{ end }}
{{- end }}
{{- end }}

{{- /* Whether there may be several servers at once. */ -}}
{{- define "modelport.several" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) }}yes{{ end }}
{{- end }}

{{- /* What is refused, since it could not work, or would be ignored. */ -}}
{{- define "modelport.check" -}}
{{- $file := fromToml .Values.settings }}
{{- if hasKey $file "Error" }}{{ fail (printf "settings is no TOML: %s" $file.Error) }}{{ end }}
{{- range $name, $instead := dict "host" "nothing: it listens everywhere" "port" "service.port" "grpc_port" "grpc.port" "auth" "auth" "data_dir" "persistence" "metrics_port" "metrics.port" "metrics_host" "nothing: it listens everywhere" "open_metrics" "metrics.open" "files_url" "filesUrl" "uds" "nothing: probes need a port" }}
{{- if hasKey $file $name }}{{ fail (printf "settings: %s is the chart's, instead of it there is %s" $name $instead) }}{{ end }}
{{- end }}
{{- $database := or (hasKey $file "database_url") (hasKey .Values.secrets "database_url") .Values.existingSecret }}
{{- if and (include "modelport.several" .) (not $database) }}
{{- fail "several replicas need a database that they share: secrets.database_url, or existingSecret" }}
{{- end }}
{{- if and (include "modelport.several" .) (not .Values.filesUrl) (not (and .Values.persistence.enabled (eq .Values.persistence.accessMode "ReadWriteMany"))) }}
{{- fail "several replicas need files that all of them see: filesUrl, or persistence with accessMode ReadWriteMany" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (eq .Values.auth "on") (not .Values.metrics.open) (not .Values.metrics.serviceMonitor.keySecret.name) }}
{{- fail "with auth on Prometheus needs a key: metrics.serviceMonitor.keySecret.name, or metrics.open" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas is above maxReplicas" }}
{{- end }}
{{- if le (int .Values.terminationGracePeriodSeconds) (int .Values.preStopSeconds) }}
{{- fail "terminationGracePeriodSeconds must be above preStopSeconds" }}
{{- end }}
{{- end }}
