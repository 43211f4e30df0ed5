package runbooks_test

import (
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// app is a Deployment of one pod that does what the end of its image tag says.
func app(name, tag string, changes ...func(*appsv1.Deployment)) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](1), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "app", Image: registry + tag,
				Env:       []corev1.EnvVar{{Name: "API_PASSWORD", Value: secretValue}},
				Resources: corev1.ResourceRequirements{Requests: amounts("cpu", "10m", "memory", "16Mi")},
			}}}},
		},
	}
	for _, change := range changes {
		change(d)
	}
	return d
}

func amounts(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

// pod changes the template's pod, container its first container, template its labels and annotations.
func pod(change func(*corev1.PodSpec)) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) { change(&d.Spec.Template.Spec) }
}

func container(change func(*corev1.Container)) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) { change(&d.Spec.Template.Spec.Containers[0]) }
}

func labelled(key, value string) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) {
		d.Spec.Template.Labels = maps.Clone(d.Spec.Template.Labels)
		d.Spec.Template.Labels[key] = value
	}
}

func image(name string) func(*appsv1.Deployment) {
	return container(func(c *corev1.Container) { c.Image = name })
}

func replicas(n int32) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) { d.Spec.Replicas = &n }
}

func annotated(pairs ...string) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) {
		d.Spec.Template.Annotations = map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			d.Spec.Template.Annotations["sandbox.algesta.io/"+pairs[i]] = pairs[i+1]
		}
	}
}

// mongoSecret takes the address of the database from a Secret.
func mongoSecret(secret string) func(*appsv1.Deployment) {
	return container(func(c *corev1.Container) {
		c.Env = append(c.Env, corev1.EnvVar{Name: "MONGODB_URI", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: "uri",
		}}})
	})
}

func configEnv(name, configMap, key string) func(*appsv1.Deployment) {
	return container(func(c *corev1.Container) {
		c.Env = append(c.Env, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: configMap}, Key: key,
		}}})
	})
}

func volume(source corev1.VolumeSource) func(*appsv1.Deployment) {
	return pod(func(p *corev1.PodSpec) {
		name := fmt.Sprintf("v%d", len(p.Volumes))
		p.Volumes = append(p.Volumes, corev1.Volume{Name: name, VolumeSource: source})
		p.Containers[0].VolumeMounts = append(p.Containers[0].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/mnt/" + name})
	})
}

func claimVolume(claim string) func(*appsv1.Deployment) {
	return volume(corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}})
}

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
