resource "google_redis_instance" "redis" {
  name               = "leafloaf"
  tier               = "STANDARD_HA"
  memory_size_gb     = 2
  region             = var.region
  redis_version      = "REDIS_7_2"
  authorized_network = google_compute_network.shop.id
  connect_mode       = "PRIVATE_SERVICE_ACCESS"
  auth_enabled       = true
  depends_on         = [google_service_networking_connection.services]

  # Without TLS: its certificate is of an authority of its own, changed now and then, that the image would have to be
  # given. The address is one of the private network alone, and asks for a password (docs/deployment.md).
  transit_encryption_mode = "DISABLED"

  # What waits there while Postgres is away must not be thrown out.
  redis_configs = {
    "maxmemory-policy" = "noeviction"
  }

  persistence_config {
    persistence_mode    = "RDB"
    rdb_snapshot_period = "ONE_HOUR"
  }
}
