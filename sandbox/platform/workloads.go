package platform

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// changeCause is the annotation that `kubectl rollout history` shows.
const changeCause = "kubernetes.io/change-cause"

// registry is where an environment's images are said to be; nothing is pulled.
func registry(e environment) string {
	if e.name == "production" {
		return "acralgestaproduction.azurecr.io"
	}
	return "acralgestadev.azurecr.io"
}

func image(s service, e environment, tag string) string {
	return registry(e) + "/" + s.name + ":" + tag
}

func cause(tag string) string {
	return "kubectl set image to " + tag + " (pipeline run " + tag + ")"
}

func podCount(s service, e environment) int32 {
	if e.name == "production" {
		return s.production
	}
	return 1
}

// deployment is the service at its first revision with one pod: the history is made before it is scaled.
func (site Site) deployment(s service, e environment) *appsv1.Deployment {
	labels := map[string]string{"app": s.name, "environment": e.name}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name: s.name + "-" + e.name, Namespace: site.Namespace(e.name), Labels: labels,
			Annotations: map[string]string{changeCause: cause(tags[0])},
		},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1)),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{container(s, e)}},
			},
		},
	}
	if podCount(s, e) > 2 {
		// production-quota allows 8 CPU of limits and the pods that run use 7. A fifth gateway beside one that is still
		// terminating would be refused, so the gateway replaces its pods one by one without a surge.
		d.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{
			MaxSurge: new(intstr.FromInt32(0)), MaxUnavailable: new(intstr.FromInt32(1)),
		}
	}
	return d
}

func container(s service, e environment) corev1.Container {
	fromSecret := func(name, key string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key,
		}}
	}
	health := corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/health", Port: intstr.FromString("http")}}
	c := corev1.Container{
		Name: s.name, Image: image(s, e, tags[0]), ImagePullPolicy: corev1.PullAlways,
		Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: s.port}},
		Env: []corev1.EnvVar{
			{Name: "NODE_ENV", Value: e.name},
			{Name: "PORT", Value: strconv.Itoa(int(s.port))},
			{Name: "MONGODB_URI", ValueFrom: fromSecret("mongodb-credentials", "uri")},
			{Name: "JWT_SECRET", ValueFrom: fromSecret("jwt-credentials", "secret")},
		},
		Resources: corev1.ResourceRequirements{
			Requests: resources(s.cpu, s.memory), Limits: resources(s.cpuLimit, s.memoryLim),
		},
		LivenessProbe: &corev1.Probe{
			ProbeHandler: health, InitialDelaySeconds: 30, PeriodSeconds: 10, TimeoutSeconds: 5, FailureThreshold: 3,
		},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler: health, InitialDelaySeconds: 10, PeriodSeconds: 5, TimeoutSeconds: 3, FailureThreshold: 2,
		},
	}
	if s.name == "ms-provider" {
		c.Env = append(c.Env, corev1.EnvVar{Name: "LEGACY_API_TOKEN", Value: LegacyToken})
	}
	return c
}

func resources(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
	}
}

func (site Site) clusterIP(s service, e environment) *corev1.Service {
	labels := map[string]string{"app": s.name, "environment": e.name}
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: s.name + "-" + e.name, Namespace: site.Namespace(e.name), Labels: labels},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, Selector: labels,
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(s.port)}},
		},
	}
}

func (site Site) autoscaler(s service, e environment) *autoscalingv2.HorizontalPodAutoscaler {
	name := s.name + "-" + e.name
	utilization := func(of corev1.ResourceName, percent int32) autoscalingv2.MetricSpec {
		return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name: of, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent},
		}}
	}
	return &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: name + "-hpa", Namespace: site.Namespace(e.name)},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
			MinReplicas:    &e.minPods, MaxReplicas: e.maxPods,
			Metrics: []autoscalingv2.MetricSpec{
				utilization(corev1.ResourceCPU, 70), utilization(corev1.ResourceMemory, 80),
			},
		},
	}
}
