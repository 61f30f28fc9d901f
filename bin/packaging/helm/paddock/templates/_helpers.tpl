{{/* The name of everything. */}}
{{- define "paddock.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The service through which servers have names. */}}
{{- define "paddock.headless" -}}
{{ include "paddock.name" . }}-servers
{{- end }}

{{- define "paddock.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "paddock.labels" -}}
{{ include "paddock.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{/* A whole number of values.yaml is a floating one by now, which would be written with an exponent. */}}
{{- define "paddock.value" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* Where the AdminServer listens, which the probes ask. */}}
{{- define "paddock.adminPort" -}}
{{ include "paddock.value" (index .Values.config "admin.serverPort" | default 8080) }}
{{- end }}

{{/* The same file for all servers. */}}
{{- define "paddock.zooCfg" -}}
dataDir=/data
{{- if .Values.dataLog.enabled }}
dataLogDir=/datalog
{{- end }}
clientPort=2181
db.autocreate={{ .Values.autocreate }}
{{- range $key, $value := .Values.config }}
{{ $key }}={{ include "paddock.value" $value }}
{{- end }}
{{- if gt (int .Values.replicas) 1 }}
quorumListenOnAllIPs=true
{{- $name := include "paddock.name" . }}
{{- $domain := printf "%s.%s.svc.%s" (include "paddock.headless" .) .Release.Namespace .Values.clusterDomain }}
{{- range $ordinal := until (int .Values.replicas) }}
server.{{ add $ordinal 1 }}={{ $name }}-{{ $ordinal }}.{{ $domain }}:2888:3888
{{- end }}
{{- end }}
{{- end }}

{{/* A volume of each server. */}}
{{- define "paddock.claim" -}}
accessModes: {{ toJson .accessModes }}
{{- with .storageClass }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end }}
