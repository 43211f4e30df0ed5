package redact_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/redact"
)

func TestInnocentLinesStay(t *testing.T) {
	t.Parallel()
	r := redact.New()
	require.Greater(t, len(innocentLines), 150)
	for _, line := range innocentLines {
		if out := r.String(line); out != line {
			t.Errorf("%q\nbecame\n%q", line, out)
		}
	}
}

const innocentText = `
commit 9f2c1b7e4d5a6c8b0e1f2a3b4c5d6e7f8091a2b3 (HEAD -> main)
md5 d41d8cd98f00b204e9800998ecf8427e  empty.txt
sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855: Pull complete
registry.example.com/team/api@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7
traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
correlationId: 7f3c1a52-9e3b-4a7e-8c15-3f2f5a6b7c8d
uid: 0b5f7a7e-61c3-4f0e-9a7f-1f2e3d4c5b6a
resourceVersion: "184467440"
image: acr.azurecr.io/api-gateway:20261129.4-9f2c1b7
NAME                          READY   STATUS             RESTARTS      AGE
api-gateway-6d4cf56db6-x2x9p   0/1     CrashLoopBackOff   5 (41s ago)   12m
mongo-credentials      Opaque                                2      34d
default-token-x2x9p    kubernetes.io/service-account-token   3      120d
secret/mongo-credentials created
secret/mongo-credentials unchanged
secret "mongo-credentials" not found
Secret "api-tls" is invalid: data[tls.key]: Required value
Error: secret "mongo-credentials" not found
MountVolume.SetUp failed for volume "certs" : secret "api-gateway-tls" not found
couldn't find key mongo-password in Secret production/mongo-credentials
Error: couldn't find key MONGO_PASSWORD in ConfigMap production/app-config
secretKeyRef: {name: mongo-credentials, key: password}
        secretKeyRef:
          name: mongo-credentials
          key: password
DB_PASSWORD:  <set to the key 'password' in secret 'mongo-credentials'>  Optional: false
SecretName:  api-gateway-tls
secretName: mongo-credentials
imagePullSecrets: [{name: acr-pull}]
imagePullSecret: acr-pull
existingSecret: redis-auth
secretRef: mongo-credentials
Mountable secrets:   default-token-x2x9p
Image pull secrets:  acr-pull
Tokens:              default-token-x2x9p
password:  16 bytes
token:      1123 bytes
automountServiceAccountToken: false
serviceAccountToken:
tokenExpirationSeconds: 3607
unable to retrieve some image pull secrets (acr-pull); attempting to pull the image may not succeed.
FailedToRetrieveImagePullSecret
token bucket: capacity=5 refill=1
token bucket exhausted, retry in 3s
rate limit: 100 tokens per minute
tokens=512 max_tokens=4096 prompt_tokens=12 completion_tokens=7
token_count: 17
token_type=Bearer
token_expiry=3600
"expires_in": 3600, "token_type": "Bearer"
token expired at 2026-11-29T10:00:00Z
token is expired by 1h2m3s
token has invalid claims: token is expired
TokenExpiredError: jwt expired
JsonWebTokenError: invalid signature
JsonWebTokenError: jwt malformed
Unexpected token: punc (})
SyntaxError: Unexpected token } in JSON at position 4
SyntaxError: Unexpected token: name (foo)
csrf token missing
invalid token
invalid token: signature mismatch
token: not found
token: none
next page token is empty
password policy: at least 12 characters
password_policy=strict
password_min_length=12
password must contain a digit
Password: must not be empty
password: cannot be blank
"password": "must be at least 8 characters"
{"errors":{"password":["is too short (minimum is 8 characters)"]}}
{"token":"is invalid"}
password authentication failed for user "orders"
FATAL: password authentication failed for user "app" (SQLSTATE 28P01)
Access denied for user 'app'@'10.0.0.7' (using password: YES)
Access denied for user 'app'@'10.0.0.7' (using password: NO)
NOAUTH Authentication required.
WRONGPASS invalid username-password pair or user is disabled.
ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
ERR Client sent AUTH, but no password is set
AUTH failed: retry
MongoServerError: Authentication failed.
bad auth : Authentication failed.
Basic authentication is not enabled
basic auth is disabled
Bearer authentication required
Bearer error="invalid_token"
WWW-Authenticate: Bearer realm="https://acr.azurecr.io/oauth2/token",service="acr.azurecr.io"
Authorization header is missing
Authorization: required
authorization failed: forbidden
authorization mode: RBAC,Node
missing Authorization header
auth=enabled
auth: ldap
auth method: kubernetes
authenticated=true
author: dana
authority: login.example.com
cookie=disabled
cookies: enabled
cookie secure flag is not set
sessions=42 active_sessions=17
session count: 12
session_timeout=30m
session.timeout.ms = 45000
session expired
sig=SIGTERM code=143
exit code=137 signal=9
signal: killed
signature verification failed
signature: invalid
key: value
key=value count=3
key=user:1234 ttl=60
primary key: id
primary_key=id foreign_key=order_id
sort_key=created_at
partition_key=order_id
routing_key=orders.created
routing key: orders.created
cache_key=orders:2026-11-29
cacheKey: user-profile-v2
public_key=ssh
publicKeyAlgorithm: RSA
key_id=4bf92f3577b34da6
keyId: prod-2026
api_key_id=17
apiKeyName: billing
keyspace=orders
keyword: foo
keyboard=us
monkey=banana
turkey=stuffed
donkey: kong
whiskey=neat
hotkey=ctrl-c
duplicate key value violates unique constraint "orders_pkey"
E11000 duplicate key error collection: orders.items index: sku_1 dup key: { sku: "A-17" }
Duplicate entry '17' for key 'orders.PRIMARY'
missing key: orders.retries
unknown key "replicas" in config
no value for key session:count
KeyError: 'orders'
Using key rotation: daily
Redis key=session:count took 3ms
s3 key: exports/2026/11/29/orders.csv
object key: exports/orders-2026-11-29.csv
PWD=/app
OLDPWD=/home/node
pwd: /usr/src/app
cwd=/app pwd=/app
password=/run/secrets/db_password
PASSWORD_FILE=/run/secrets/db_password
token=/var/run/secrets/kubernetes.io/serviceaccount/token
TLS_KEY=/etc/tls/tls.key
ssl_key=./certs/server.key
SSH_KEY=~/.ssh/id_ed25519
GOOGLE_APPLICATION_CREDENTIALS=/etc/gcp/key.json
credentials: none found
credentials=default
no credentials provided
credentialsFile: /etc/app/credentials
compass=north bypass=true trespass=none
passed=17 failed=2
pass=17 fail=2
tests: 17 passed
passenger: dana
bypass: enabled
pinned=true
pinning: false
ping=3ms
opinion: none
secure=true
secretary: dana
secret_name=mongo-credentials
secrets-store.csi.k8s.io
SecretProviderClass: azure-kv
secret=undefined
secret: null
JWT_SECRET is not set
JWT_SECRET: not set
JWT_SECRET must be at least 32 characters
API_KEY is required
api key is missing
No API key provided
API key expired
Invalid API key
Missing required environment variable DB_PASSWORD
env DB_PASSWORD is empty
"DB_PASSWORD" is required
password=$(DB_PASSWORD)
password=${DB_PASSWORD}
password=$DB_PASSWORD
password={{ .Values.db.password }}
password=%DB_PASSWORD%
password=process.env.DB_PASSWORD
password=******
password=xxxxx
password: <hidden>
password: [FILTERED]
password=[REDACTED]
password: (redacted)
postgres://app:***@db:5432/orders
postgres://app:xxxxx@db:5432/orders
postgres://app:${DB_PASSWORD}@db:5432/orders
mongodb://mongo-0.mongo:27017,mongo-1.mongo:27017/orders?replicaSet=rs0
MONGODB_URI=mongodb://mongo-0.mongo.production.svc.cluster.local:27017/orders
redis://redis-master.production.svc.cluster.local:6379/0
amqp://rabbitmq.production:5672/
http://host:8080/path@v2
http://user-service.production.svc.cluster.local:8080/health
https://user@dev.azure.com/org/project/_git/repo
https://cdn.example.com/npm/vue@3.4.21/dist/vue.js
https://example.com/@dana/posts?page=2&sort=key&order=desc
https://login.microsoftonline.com/3f2504e0-4f89-11d3-9a0c-0305e82c3301/oauth2/v2.0/token
https://oauth2.googleapis.com/token
https://example.com/reset-password?lang=en
GET /api/v1/tokens?page=2 200 12ms
GET /users/17/password-reset 404
POST /oauth/token 401
git@github.com:org/repo.git
ssh://git@github.com/org/repo.git
dana@example.com
user=dana@example.com host=db
npm ERR! code E401
npm WARN deprecated vue@2.7.16
at Object.<anonymous> (/app/node_modules/jsonwebtoken/verify.js:291:38)
at com.example.auth.TokenService.verify(TokenService.java:42)
	at org.springframework.security.web.authentication.www.BasicAuthenticationFilter.doFilterInternal(BasicAuthenticationFilter.java:162)
  File "/app/auth/token.py", line 42, in verify_token
goroutine 17 [running]: main.(*Server).serve(0xc000123450, {0x1234560, 0xc0000a6000})
github.com/example/app/internal/token.(*Service).Verify(0xc0001a2000, {0xc00003e0c0, 0x24})
panic: runtime error: index out of range [3] with length 3
E1129 10:00:00.123456       1 reflector.go:147] k8s.io/client-go/informers/factory.go:159: Failed to watch *v1.Secret
I1129 10:00:00.123456       1 controller.go:42] "Starting workers" controller="secret" worker count=1
{"level":"info","ts":1763820000.123,"logger":"token","msg":"token refreshed","expires":"2026-11-29T11:00:00Z"}
2026-11-29T10:00:00.123Z INFO [main] c.e.OrdersApplication : Started OrdersApplication in 2.345 seconds
level=info msg="reloaded" hash=d41d8cd98f00b204
etag: "33a64df551425fcc55e4d42a148795d9f25f89d4"
x-request-id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301
x-correlation-id: 4bf92f3577b34da6a3ce929d0e0e4736
x-ratelimit-remaining: 17
content-security-policy: default-src 'self'
Serial Number: 04:d1:5c:8f:aa:bb
fingerprint=SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU
Back-off restarting failed container api-gateway in pod api-gateway-6d4cf56db6-x2x9p_production(0b5f7a7e-61c3-4f0e-9a7f-1f2e3d4c5b6a)
Successfully assigned production/api-gateway-6d4cf56db6-x2x9p to aks-nodepool1-12345678-vmss000003
0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available
Readiness probe failed: Get "http://10.244.1.17:8080/ready": dial tcp 10.244.1.17:8080: connect: connection refused
x509: certificate has expired or is not yet valid: current time 2026-11-29T10:00:00Z is after 2026-11-01T00:00:00Z
tls: private key does not match public key
tls: failed to find any PEM data in key input
error parsing private key: asn1: structure error
failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized
curl: (7) Failed to connect to api port 8080
curl -s -u $USER:$PASS https://example.com
mysql -h db -u app -p
mysql: [Warning] Using a password on the command line interface can be insecure.
redis-cli -h redis ping
docker login registry.example.com
--password-file=/etc/app/password
--token-auth-file=/etc/kubernetes/tokens.csv
--secret-name=mongo-credentials
--password-stdin
--api-key is required
--authorization-mode=Node,RBAC
--authentication-token-webhook=true
--tls-private-key-file=/etc/kubernetes/pki/apiserver.key
--service-account-signing-key-file=/etc/kubernetes/pki/sa.key
asia-southeast1 ASIA region
sk-SK locale loaded
key-value store is empty
api-gateway: token-service is unavailable
token-service: Running
auth-service: CrashLoopBackOff
secrets-operator: 2/2
connection string is required
connectionString: required
database_url: not set
DATABASE_URL must start with postgres://
HOME=/root PATH=/usr/local/bin:/usr/bin HOSTNAME=api-gateway-6d4cf56db6-x2x9p
KUBERNETES_SERVICE_HOST=10.0.0.1
nodeSelector: kubernetes.io/os=linux
checksum/config: 01ba4719c80b6fe911b091a7c05124b64eeec964e09c058ef8f9805daca546b
pod-template-hash=6d4cf56db6
Opening /app/config/production/orders/services/handlers/payment/checkout/final.json
com.example.orders.payment.CheckoutServiceConfigurationPropertiesAutoConfiguration
`
