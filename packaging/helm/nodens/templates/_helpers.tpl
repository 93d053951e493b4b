{{/* Labels of every object. */}}
{{- define "nodens.labels" -}}
k8s-app: node-local-dns
app.kubernetes.io/name: nodens
{{ include "nodens.made" . }}
{{- end }}

{{/* Who made an object. Not for pods: a new chart would restart them for it. */}}
{{- define "nodens.made" -}}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The image with its tag or digest. */}}
{{- define "nodens.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{/* Whether it is in the node's own network: "true" or nothing. */}}
{{- define "nodens.onNode" -}}
{{- if ne .Values.mode "cilium" }}true{{ end -}}
{{- end }}
