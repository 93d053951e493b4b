{{/* The private networks, of both families. */}}
{{- define "nodens.private" -}}
["10.0.0.0/8","172.16.0.0/12","192.168.0.0/16","127.0.0.0/8"
{{- end }}

{{/* The daemon's configuration. */}}
{{- define "nodens.config" -}}
{{- $onNode := include "nodens.onNode" . -}}
[listen]
{{- if eq .Values.mode "iptables" }}
addresses = {{ list .Values.addresses.local .Values.addresses.kubeDNS | toJson }}
{{- else if $onNode }}
addresses = {{ list .Values.addresses.local | toJson }}
{{- else }}
addresses = ["0.0.0.0", "::"]
{{- end }}
{{- if .Values.allow }}
allow = {{ toJson .Values.allow }}
{{- else if not $onNode }}
allow = {{ include "nodens.private" . }},"fc00::/7","::1"]
{{- end }}
{{- if or .Values.clientRate .Values.clientBurst }}

[limits]
client-rate = {{ int .Values.clientRate }}
{{- if .Values.clientBurst }}
client-burst = {{ int .Values.clientBurst }}
{{- end }}
{{- end }}
{{- if $onNode }}

[interface]
manage = true

[rules]
backend = "nftables"

[supervisor]
socket = "/run/handover/nodens"
linger = true
{{- end }}

[metrics]
listen = "0.0.0.0:9253"
allow = {{ toJson .Values.metricsAllow }}

[health]
{{- if $onNode }}
listen = "{{ .Values.addresses.local }}:8080"
{{- else }}
listen = "0.0.0.0:8080"
allow = {{ include "nodens.private" . }}]
{{- end }}

[control]
socket = "/run/nodens/control"
{{- if ne .Values.detect "observe" }}

[detect]
mode = {{ quote .Values.detect }}
{{- end }}

[log]
format = "json"

[[upstream]]
name = "cluster-dns"
servers = ["tcp://{{ eq .Values.mode "ipvs" | ternary .Values.addresses.kubeDNS .Values.addresses.kubeDNSUpstream }}"]

[[zone]]
name = {{ quote .Values.clusterDomain }}
upstream = "cluster-dns"
class = "internal"
max-ttl = "30s"
max-negative-ttl = "5s"
{{- range list "in-addr.arpa" "ip6.arpa" }}

[[zone]]
name = {{ quote . }}
upstream = "cluster-dns"
class = "internal"
max-ttl = "30s"
{{- end }}
{{- range $number, $domain := .Values.stubDomains }}

[[upstream]]
name = "stub-{{ $number }}"
servers = {{ toJson $domain.servers }}

[[zone]]
name = {{ quote $domain.name }}
upstream = "stub-{{ $number }}"
class = "internal"
{{- end }}

[[upstream]]
name = "internet"
servers = {{ toJson .Values.upstream.servers }}

[[zone]]
name = "."
upstream = "internet"
{{- with .Values.rebinding }}
rebinding = { mode = {{ quote .mode }}{{ with .presets }}, presets = {{ toJson . }}{{ end }}{{ with .exempt }}, exempt = {{ toJson . }}{{ end }} }
{{- end }}
{{- if ne .Values.dnssec "forward" }}
dnssec = {{ quote .Values.dnssec }}
{{- end }}
{{- with .Values.extraConfig }}

{{ . | trim }}
{{- end }}
{{- end }}
