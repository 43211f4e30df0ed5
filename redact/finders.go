package redact

import (
	"slices"
	"strings"
	"sync"
)

func onceFinders() func() *needles[finder] { return sync.OnceValue(newFinders) }

// lookedFor are parts of the names of secrets that are in many of them: whoever looks for these finds those.
var lookedFor = []string{
	"pass", "pwd", "secret", "token", "key", "cred", "auth", "pin", "sess", "sid", "sig", "hmac", "salt", "jwt", "conn", "dsn", "otp",
	"bearer", "cvv", "cvc", "mnemonic", "psk", "seed", "ticket", "assertion", "nonce", "csrf", "xsrf", "dockerc", "webhook",
}

// afterName is what may follow a name: a sign, a mark, what escapes one, a bracket, a blank, a number. A name of two or three letters is
// looked at where one of these follows: the letters are in many words.
const afterName = "=:\"'`\\ \t\n>]%&?!+,|()}-.;0123456789\xe2"

// namesOfSecrets are the words of names of secrets in which none of lookedFor is.
func namesOfSecrets() []string {
	out := slices.Clone(lookedFor)
	for word, kind := range wordKinds {
		if kind&secretWord == 0 || slices.ContainsFunc(lookedFor, func(part string) bool { return strings.Contains(word, part) }) {
			continue
		}
		if len(word) > 3 || word == "mdp" {
			out = append(out, word)
			continue
		}
		for i := range len(afterName) {
			out = append(out, word+afterName[i:i+1])
		}
	}
	return out
}

// newFinders says what is looked for where. The words are in small letters.
func newFinders() *needles[finder] {
	n := &needles[finder]{}
	for _, f := range formatsOf(formatsTSV) {
		for _, word := range f.words() {
			n.add(word, f.scan)
		}
	}
	for find, words := range map[string][]string{
		"name": append(namesOfSecrets(), append([]string{
			"_pat", "_pw", "mongo", "redis_ur",
			"database_ur", "db_ur", "amqp_ur",
			"postgres_ur", "postgresql_ur", "mysql_ur", "broker_ur", "rabbitmq_ur", "seed", "ticket", "assertion", "samlresponse",
			"code=", "nonce", "databaseur", "jdbc_ur", "samlrequest", "csrf", "xsrf",
		}, vendorNames...)...),
		"value": {"value\"", "value'", "value:", "value=", "value&quot;", "value\\\"", "content\"", "content:", "plaintext\"", "plaintext:"},
	} {
		for _, word := range words {
			if find == "name" {
				n.add(word, (*scan).name)
			} else {
				n.add(word, (*scan).pair)
			}
		}
	}
	for word, find := range map[string]finder{
		"private key": (*scan).privateKey, "eyj": (*scan).jwt,
		"://": (*scan).url, `:\/\/`: (*scan).url, "%3a%2f%2f": (*scan).url, "@tcp(": (*scan).dsn, "@unix(": (*scan).dsn,
		"oracle:thin:": (*scan).oracle, "oracle:oci:": (*scan).oracle,
		"authorization": (*scan).authorization, "cookie": (*scan).cookie, "bearer": (*scan).scheme, "basic": (*scan).scheme,
		"splunk ": (*scan).scheme,
		"ssws ":   (*scan).scheme, "negotiate ": (*scan).scheme, "apikey ": (*scan).scheme, "hooks.slack.com/": (*scan).slackWebhook,
		"/api/webhooks/": (*scan).webhook, ".webhook.office.com/": (*scan).webhook, "chat.googleapis.com/": (*scan).webhook,
		".logic.azure.com":  (*scan).webhook,
		"hooks.zapier.com/": (*scan).webhook, "api.telegram.org/bot": (*scan).webhook, "outlook.office.com/webhook": (*scan).webhook,
		"hooks.airtable.com": (*scan).webhook,
		"maker.ifttt.com":    (*scan).webhook, "hc-ping.com/": (*scan).webhook, "discord.com/api": (*scan).webhook,
		"7q~": (*scan).azureSecret, "8q~": (*scan).azureSecret, "6q~": (*scan).azureSecret, "9q~": (*scan).azureSecret,
		".atlasv1.": (*scan).terraform,
		"+acr":      (*scan).azureSigned, "+ase": (*scan).azureSigned, "azfu": (*scan).azureSigned, "+asb": (*scan).azureSigned,
		"+aiot": (*scan).azureSigned, "acdb": (*scan).azureSigned,
		"apim": (*scan).azureSigned, "aeh": (*scan).azureSigned, "azca": (*scan).azureSigned, "jqqj9": (*scan).azureSigned,
		"azse": (*scan).azureSigned, "azdo": (*scan).azureSigned, "+ars": (*scan).azureSigned,
		":aa": (*scan).telegram, "t3blbkfj": (*scan).around, "_mmk": (*scan).around, "kind": (*scan).manifest,
		"curl": (*scan).command, "mysql": (*scan).command, "mariadb": (*scan).command, "redis-cli": (*scan).command,
		"login": (*scan).command, "sshpass": (*scan).command,
		"mongo": (*scan).command, "ldap": (*scan).command, "sqlcmd": (*scan).command, "wget": (*scan).command, "openssl": (*scan).command,
		"rabbitmqctl": (*scan).command,
		"htpasswd":    (*scan).command, "sqlplus": (*scan).command, "smbclient": (*scan).command, "unzip": (*scan).command,
		"7z ": (*scan).command, "http ": (*scan).command,
		"cqlsh": (*scan).command, "clickhouse-client": (*scan).command, "influx": (*scan).command, "snowsql": (*scan).command,
		"kadmin": (*scan).command, "ipmitool": (*scan).command,
		"net use": (*scan).command, "chpasswd": (*scan).command, "az ": (*scan).command, "lftp": (*scan).command, "mosq": (*scan).command,
		"kcat":  (*scan).command,
		"twine": (*scan).command, "etcdctl": (*scan).command, "vault": (*scan).command, "rclone": (*scan).command,
		"mc ": (*scan).command, "echo ": (*scan).command, "printf ": (*scan).command, "create secret": (*scan).command,
		"valkey-cli": (*scan).command, "zip ": (*scan).command, "bcp ": (*scan).command, "auth ": (*scan).redisAuth,
		"identified by": (*scan).sqlPassword, "identified with": (*scan).sqlPassword,
		"with password": (*scan).sqlPassword, "encrypted password": (*scan).sqlPassword, "config set requirepass": (*scan).redisAuth,
		"hello 3 auth": (*scan).redisAuth,
		"machine":      (*scan).netrc, "default": (*scan).netrc,
		"@//": (*scan).easyConnect, ":1521/": (*scan).easyConnect,
		"unseal key ": (*scan).numbered, "recovery key ": (*scan).numbered, "private-lines:": (*scan).puttyKey, "private-mac:": (*scan).puttyKey,
		"334 ugfzc3dvcmq6": (*scan).smtpAnswer, "community ": (*scan).community, "code is ": (*scan).oneTimeCode,
		"set password": (*scan).setPassword, "convertto-securestring": (*scan).secureString, ":5432:": (*scan).passFile,
		":5433:": (*scan).passFile, ":6432:": (*scan).passFile, ":*:": (*scan).passFile, "basic auth": (*scan).basicAuth,
		"basic-auth": (*scan).basicAuth, "basic_auth": (*scan).basicAuth,
	} {
		n.add(word, find)
	}
	for first := byte('1'); first <= '9'; first++ {
		for second := byte('0'); second <= '9'; second++ {
			n.add(string([]byte{':', first, second}), (*scan).passFilePort)
		}
	}
	for word := range foreignForms() {
		n.add(word, func(s *scan, at int) { s.foreign(at, word) })
	}
	return n
}
