package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// identityRule is about the cloud's identity of a pod, which no object of the cluster shows: only the program's log says that it is
// refused.
var identityRule = Rule{
	ID:     "identity-refused",
	Family: "dependencies",
	Class:  ClassDependency,
	Signal: "the log says AADSTS… (Entra ID), AssumeRoleWithWebIdentity (AWS) or getAccessToken denied (Google Cloud)",
	Cause: "a federated credential for this ServiceAccount that is missing, a client ID of another tenant, a secret that has expired, " +
		"a trust policy without this ServiceAccount",
	Remedy:    "fix what the message names in the cloud's identity",
	Source:    "Microsoft Entra error codes; AWS STS; Google Cloud IAM",
	container: identityRefused,
}

func identityRefused(c *facts.Container) *Finding {
	why, ok := c.Log.Explain()
	if !ok || why.ID != "identity-refused" {
		return nil
	}
	account := c.Pod.Spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	if f := notInjected(c, why, account); f != nil {
		return f
	}
	by := "The cloud"
	switch {
	case strings.Contains(why.Said, "AADSTS") || azureUnset.MatchString(why.Said):
		by = "Entra ID"
	case strings.Contains(why.Said, "sts:") || strings.Contains(why.Said, "InvalidIdentityToken") || awsUnset.MatchString(why.Said):
		by = "AWS"
	}
	said, _, _ := strings.Cut(why.Said, ". ")
	if m := presented.FindString(why.Line.Example); m == "" && strings.Contains(said, "presented assertion") {
		said, _, _ = strings.Cut(said, " for presented")
	}
	what := fmt.Sprintf("%s refuses the identity of %s: %s", by, c.Owner.Ref.Name, words.Cited(words.Clip(strings.TrimSpace(said),
		leastReason)))
	f := dependencyFinding(c, why, facts.Ref{Kind: "ServiceAccount", Namespace: c.Pod.Namespace, Name: account}, what,
		identityFix(why.Said, c.Pod.Namespace, account), facts.Ref{})
	f.Key, f.Target = identityCode.FindString(why.Said), account
	f.Remedy = Remedy{
		Text:    identityFix(why.Said, c.Pod.Namespace, account),
		Command: fmt.Sprintf("kubectl get serviceaccount %s -n %s -o yaml", account, c.Pod.Namespace),
	}
	return f
}

var (
	identityCode = regexp.MustCompile(`AADSTS\d+|AssumeRoleWithWebIdentity|InvalidIdentityToken`)
	presented    = regexp.MustCompile(`system:serviceaccount:[\w.-]+:[\w.-]+`)
	// federated are Entra's codes of a token of Kubernetes that no federated credential expects.
	federated = regexp.MustCompile(`AADSTS70021\d?\b|AADSTS700213\b|AADSTS700211\b|AADSTS700212\b`)
	// unknownClient are those of a client or tenant that isn't there.
	unknownClient = regexp.MustCompile(`AADSTS(?:700016|90002|50020|500011|900023)\b`)
)

func identityFix(said, namespace, account string) string {
	subject := fmt.Sprintf("system:serviceaccount:%s:%s", namespace, account)
	switch {
	case federated.MatchString(said):
		return fmt.Sprintf("Give the managed identity a federated credential for %s with the issuer of this cluster.", subject)
	case unknownClient.MatchString(said):
		return "Correct the client ID or the tenant ID that the pod is given: no such application is in that tenant."
	case facts.TroubleOf(said) == facts.TroubleExpired:
		return "Renew the secret or certificate of that application, or use a federated credential."
	case identityCode.MatchString(said) && !strings.Contains(said, "AADSTS"):
		return fmt.Sprintf("Let the role's trust policy admit %s and the issuer of this cluster.", subject)
	}
	return "Fix what the message names in the identity that the pod uses."
}

var (
	// azureUnset are the words of Azure's SDKs where a pod has no workload identity.
	azureUnset = regexp.MustCompile(`WorkloadIdentityCredential|[Nn]o (?:client ID|token file) specified|DefaultAzureCredential failed`)
	// awsUnset are those of AWS' SDKs where nothing gives credentials.
	awsUnset = regexp.MustCompile(`NoCredentialProviders|Unable to locate credentials|[Nn]o EC2 IMDS role found|Could not load credentials|` +
		`Unable to load AWS credentials`)
)

// useLabel is the label by which Azure's webhook chooses pods.
const useLabel = "azure.workload.identity/use"

// notInjected is about a pod whose program finds no identity, since the webhook that gives one didn't touch it; nil
// where it did, or where the log's words are of another kind.
func notInjected(c *facts.Container, why facts.Explanation, account string) *Finding {
	name := c.Owner.Ref.Name
	var gives, what, fix string
	switch {
	case strings.Contains(why.Line.Example, "AADSTS"):
		return nil
	case azureUnset.MatchString(why.Said):
		gives = "AZURE_FEDERATED_TOKEN_FILE"
		what = fmt.Sprintf("The pods of %s lack the label %s=true, so nothing gives them the workload identity", name, useLabel)
		fix = fmt.Sprintf("Add the label %s: \"true\" to the pod template.", useLabel)
		if c.Pod.Labels[useLabel] == "true" {
			what = fmt.Sprintf("The webhook of Azure's workload identity gave the pods of %s no identity although they have its label", name)
			fix = "See whether the webhook runs and ServiceAccount " + account + " has azure.workload.identity/client-id, then restart the service."
		}
	case awsUnset.MatchString(why.Said):
		gives = "AWS_ROLE_ARN"
		what = fmt.Sprintf("The pods of %s get no AWS credentials: nothing sets AWS_ROLE_ARN, as the ServiceAccount's annotation would", name)
		fix = "Annotate ServiceAccount " + account + " with eks.amazonaws.com/role-arn, then restart the service."
	default:
		return nil
	}
	if hasVariable(c, gives) || gives == "AWS_ROLE_ARN" && (len(c.Spec.EnvFrom) > 0 || hasVariable(c, "AWS_ACCESS_KEY_ID") ||
		hasVariable(c, "AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
		return nil
	}
	subject := facts.Ref{Kind: "ServiceAccount", Namespace: c.Pod.Namespace, Name: account}
	f := dependencyFinding(c, why, c.Owner.Ref, what, fix, facts.Ref{})
	f.Key, f.Target = "identity", account
	f.show(facts.Evidence{Object: facts.RefOf(facts.KindPod, c.Pod), Field: "spec.containers[].env", Quote: "without " + gives}, false)
	f.Remedy = Remedy{Text: fix, Command: fmt.Sprintf("kubectl get %s -n %s -o yaml", subject, subject.Namespace)}
	if gives == "AWS_ROLE_ARN" {
		f.Sure, f.Unsure = Medium, "It may be meant to use credentials of another kind."
	}
	return f
}

func hasVariable(c *facts.Container, name string) bool {
	return slices.ContainsFunc(c.Spec.Env, func(env corev1.EnvVar) bool { return env.Name == name })
}
