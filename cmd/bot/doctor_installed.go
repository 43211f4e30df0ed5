package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/words"
)

// chartLabel is on what the chart installs, unless its nameOverride says otherwise.
const chartLabel = "app.kubernetes.io/name=algesta"

// setUpFolder is the folder that `bot init` wrote the configuration to; "" where something else wrote it. Then the chart, too, is installed
// from there, or will be.
func setUpFolder(path string) string {
	folder := filepath.Dir(path)
	for _, name := range []string{"values.yaml", filepath.Join("chart", "Chart.yaml")} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return ""
		}
	}
	return folder
}

// examineInstalled looks, with the kubeconfig of whoever tries the bot out, whether the chart is installed and its pod runs.
func examineInstalled(ctx context.Context, folder string, cluster *kube.Cluster) examination {
	e := examination{title: "installed in " + cluster.Name()}
	var all appsv1.DeploymentList
	if err := cluster.List(ctx, "", chartLabel, &all); err != nil {
		what, do := toldOf(err)
		e.add(unchecked, do, "couldn't check whether the chart is installed (%s)", what)
		return e
	}
	if len(all.Items) == 0 {
		e.add(attention, helmInstall(folder), "the chart isn't installed yet: nothing has the label %s", chartLabel)
	}
	for i := range all.Items {
		examinePod(ctx, &e, folder, cluster, &all.Items[i])
	}
	return e
}

// examinePod says whether the bot's pod runs, and why not.
func examinePod(ctx context.Context, e *examination, folder string, cluster *kube.Cluster, d *appsv1.Deployment) {
	image := ""
	for _, c := range d.Spec.Template.Spec.Containers {
		image = c.Image
	}
	if d.Status.ReadyReplicas > 0 && d.Status.UpdatedReplicas > 0 {
		e.add(fine, fmt.Sprintf("what it may do, it says itself: kubectl exec deployment/%s -n %s -- /bot doctor --config "+
			"/etc/algesta/config/config.yaml", d.Name, d.Namespace), "%s runs in %s, of the image %s", d.Name, d.Namespace, image)
		return
	}
	why, do := whyNot(ctx, folder, cluster, d)
	if age := time.Since(d.CreationTimestamp.Time); why == "" && age < startsWithin {
		e.add(attention, "ask again in a minute", "%s in %s was installed %s ago, and its pod isn't ready yet",
			d.Name, d.Namespace, words.Span(age))
		return
	}
	switch {
	case strings.Contains(why, slackSecret):
		do = makeSecret(folder)
	case why == "":
		why, do = "the reason isn't known", fmt.Sprintf("kubectl describe pods -n %s -l %s", d.Namespace, chartLabel)
	}
	e.add(broken, do, "%s in %s doesn't run, of the image %s: %s", d.Name, d.Namespace, image, why)
}

// startsWithin is how long the pod may take for its image and its volume before it counts as one that doesn't come up.
const startsWithin = 2 * time.Minute

// whyNot is what the bot's own diagnosis says of its pod, and what to do; "" where it finds nothing. A bot that doesn't run takes no
// command, so what the diagnosis would have it do is done by Helm.
func whyNot(ctx context.Context, folder string, cluster *kube.Cluster, d *appsv1.Deployment) (why, do string) {
	found, err := diagnosisOf(ctx, cluster, "deployment/"+d.Name, d.Namespace)
	if err != nil || found.Verdict != diagnosis.Sick || len(found.Chains) == 0 {
		return "", ""
	}
	first := found.Chains[0]
	why, do = strings.TrimSuffix(first.Cause, "."), first.Remedy.Text
	switch upgrade := helmUpgrade(folder, d.Namespace); {
	case first.Class == rules.ClassImage:
		do = "push the image, or correct image in " + filepath.Join(folder, "values.yaml") + "; then " + upgrade
	case first.Remedy.Verb != "":
		do = "correct what it names, in " + folder + "; then " + upgrade
	case first.Remedy.Command != "":
		do += " " + first.Remedy.Command
	}
	return why, do
}
