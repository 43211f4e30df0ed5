package redact_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/redact"
)

func TestALiteralThatIsNoOrdinarySettingIsHiddenWhateverItsName(t *testing.T) {
	t.Parallel()
	m := newMaker(11)
	for range 50 {
		for _, secret := range []string{
			m.token(20), m.token(40), m.token(13), m.of(lowerLetters, 4) + m.of(decimals,
				3) + "!" + m.token(6), m.hex(32), m.of(lowerLetters, 8) + m.of(decimals, 4), m.of(lowerLetters, 24),
			"postgres://app:" + m.word() + "@db/x",
		} {
			require.True(t, redact.Literal(secret), secret)
		}
	}
	require.True(t, redact.Literal("kestrel over a quiet field"))
	for _, setting := range []string{
		"production", "development", "disabled", "true", "8080", "3000", "1048576", "30s", "PT30S", "2026-11-29T10:00:00Z", "10.0.0.0/16",
		"0 3 * * *", "100m", "512Mi", "1.27.3", "v1.27.3",
		"INFO", "LOG_LEVEL", "Europe/Berlin", "en_US.UTF-8", "application/json", "orders-queue", "orders.created", "api-gateway",
		"ms-orders-production", "checkout-service", "westeurope",
		"mongo-0.mongo.production.svc.cluster.local", "redis-master:6379", "http://ms-orders:8080/health",
		"mongodb://mongo-0.mongo:27017/orders", "https://login.example.com/oauth2",
		"/etc/app/config.yaml", "/run/secrets/db_password", "./data", "nginx:1.27", "acr.azurecr.io/api-gateway:12345",
		"registry.example.com/team/api:v2.3.1", "a,b,c,d,e", "orders,payments,checkout",
		"-Xmx512m -XX:+UseG1GC", "--max-old-space-size=512", "$(DB_PASSWORD)", "${DB_PASSWORD}", "dana@example.com",
		"no-reply@example.com", "org.postgresql.Driver", "com.example.orders.Application",
		"com.example.*", "read-write", "RollingUpdate", "OnFailure", "ServiceAccount", "node_modules", "postgres", "postgresql",
		"rabbitmq", "key=value", "us-east-1", "eu-central-1", "Standard_D2s_v5",
	} {
		require.False(t, redact.Literal(setting), setting)
	}
}
