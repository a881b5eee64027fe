{{- /* What all daemons have in common. Arguments: root, name, config (its own settings), resources. */ -}}

{{- define "wellspring.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: wellspring
{{- end }}

{{- define "wellspring.peers" -}}
{{- $root := . -}}
{{- range $i := until (int .Values.registry.replicas) }}{{ if $i }},{{ end }}http://{{ $root.Release.Name }}-registry-{{ $i }}.{{ $root.Release.Name }}-registry:8761/eureka/{{ end }}
{{- end }}

{{- define "wellspring.pod" -}}
metadata:
  labels:
    {{- include "wellspring.labels" . | nindent 4 }}
  annotations:
    # A changed setting is a changed pod.
    checksum/config: {{ include "wellspring.config" . | sha256sum }}
    prometheus.io/scrape: "true"
    prometheus.io/path: /actuator/prometheus
    prometheus.io/port: {{ .port | quote }}
spec:
  serviceAccountName: {{ .root.Release.Name }}-{{ .account | default "daemon" }}
  automountServiceAccountToken: {{ eq (.account | default "") "gateway" }}
  # Else Services of the namespace would be variables, some of them with the names of settings.
  enableServiceLinks: false
  # preStop, draining, and a little for the end.
  terminationGracePeriodSeconds: {{ add .root.Values.leaveSeconds .root.Values.drainSeconds 10 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: { type: RuntimeDefault }
  {{- with .root.Values.scheduling }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "wellspring.labels" . | nindent 10 }}
  containers:
    - name: {{ .name }}
      image: {{ .root.Values.image.prefix }}/{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: [--config, /config/application.yml]
      ports:
        - { name: http, containerPort: {{ .port }} }
        {{- if .root.Values.admin.enabled }}
        - { name: admin, containerPort: 9770 }
        {{- end }}
      env:
        - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
        - { name: POD_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
        - { name: EUREKA_INSTANCE_INSTANCEID, value: "$(POD_NAME)" }
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- else }}
        - { name: EUREKA_INSTANCE_PREFERIPADDRESS, value: "true" }
        - { name: EUREKA_INSTANCE_IPADDRESS, value: "$(POD_IP)" }
        {{- end }}
      startupProbe:
        httpGet: { path: /actuator/health/liveness, port: http }
        periodSeconds: 1
        failureThreshold: 60
      readinessProbe:
        httpGet: { path: /actuator/health/readiness, port: http }
        periodSeconds: 3
        failureThreshold: 2
      livenessProbe:
        httpGet: { path: /actuator/health/liveness, port: http }
        periodSeconds: 10
        failureThreshold: 3
      lifecycle:
        preStop:
          exec: { command: [sleep, {{ .root.Values.leaveSeconds | quote }}] }
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      resources:
        {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - { name: config, mountPath: /config, readOnly: true }
        - { name: state, mountPath: /var/lib/wellspring }
        - { name: tmp, mountPath: /tmp }
        {{- if .root.Values.secret }}
        - { name: secret, mountPath: /run/secrets/wellspring, readOnly: true }
        {{- end }}
  volumes:
    - name: config
      configMap: { name: {{ .root.Release.Name }}-{{ .name }} }
    - name: tmp
      emptyDir: {}
    {{- if not .keeps }}
    - name: state
      emptyDir: {}
    {{- end }}
    {{- if .root.Values.secret }}
    - name: secret
      secret: { secretName: {{ .root.Values.secret }} }
    {{- end }}
{{- end }}

{{- define "wellspring.config" -}}
{{- $common := dict
  "eureka.client.service-url.defaultZone" (include "wellspring.peers" .root)
  "spring.lifecycle.timeout-per-shutdown-phase" (printf "%ds" (int .root.Values.drainSeconds))
  "spring.rabbitmq.host" .root.Values.rabbitmq.host
  "spring.rabbitmq.username" .root.Values.rabbitmq.username
-}}
{{- if .root.Values.admin.enabled }}
{{- if not .root.Values.secret }}{{ fail "admin.enabled wants a secret with the key wellspring.admin.token: name it in `secret`" }}{{ end }}
{{- $_ := set $common "wellspring.admin.address" "0.0.0.0:9770" }}
{{- end -}}
{{- if .root.Values.secret }}{{ $_ := set $common "spring.config.import" "configtree:/run/secrets/wellspring/" }}{{ end -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels:
    {{- include "wellspring.labels" . | nindent 4 }}
data:
  application.yml: |
    {{- toYaml (merge (deepCopy .config) .root.Values.config $common) | nindent 4 }}
{{- end }}

{{- define "wellspring.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels:
    {{- include "wellspring.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  {{- if semverCompare ">=1.27-0" .root.Capabilities.KubeVersion.Version }}
  # A pod that is not well keeps no node from being emptied.
  unhealthyPodEvictionPolicy: AlwaysAllow
  {{- end }}
  selector:
    matchLabels:
      {{- include "wellspring.labels" . | nindent 6 }}
{{- end }}

{{- define "wellspring.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels:
    {{- include "wellspring.labels" . | nindent 4 }}
spec:
  {{- if .headless }}
  clusterIP: None
  # Peers find one another before they are ready.
  publishNotReadyAddresses: true
  {{- else }}
  type: {{ .type | default "ClusterIP" }}
  {{- end }}
  selector:
    {{- include "wellspring.labels" . | nindent 4 }}
  ports:
    - { name: http, port: {{ .servicePort | default .port }}, targetPort: http }
    {{- if .root.Values.admin.enabled }}
    - { name: admin, port: 9770, targetPort: admin }
    {{- end }}
{{- end }}

{{- define "wellspring.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels:
    {{- include "wellspring.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ .replicas }}
  {{- end }}
  # A new pod answers before an old one goes.
  strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  selector:
    matchLabels:
      {{- include "wellspring.labels" . | nindent 6 }}
  template:
    {{- include "wellspring.pod" . | nindent 4 }}
{{- end }}
