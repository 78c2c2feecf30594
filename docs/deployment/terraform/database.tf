resource "google_sql_database_instance" "postgres" {
  name                = "leafloaf"
  database_version    = "POSTGRES_17"
  region              = var.region
  deletion_protection = true
  depends_on          = [google_service_networking_connection.services]

  settings {
    edition           = "ENTERPRISE"
    tier              = var.database_tier
    availability_type = "REGIONAL" # a standby in another zone takes over within a minute or two
    disk_type         = "PD_SSD"
    disk_autoresize   = true

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.shop.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    # Any second of the last week can be brought back. A person erased since must be erased again then, and Redis
    # emptied: docs/deployment.md, Restore.
    backup_configuration {
      enabled                        = true
      start_time                     = "09:00" # UTC; the shop's night
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = 14
      }
    }

    maintenance_window {
      day          = 2
      hour         = 8
      update_track = "stable"
    }

    database_flags {
      name  = "max_connections"
      value = tostring(var.max_connections)
    }

    # Whoever leaves a transaction open holds deliveries up: docs/operations.md.
    database_flags {
      name  = "idle_in_transaction_session_timeout"
      value = "60000"
    }

    database_flags {
      name  = "log_lock_waits"
      value = "on"
    }
  }
}

# Searches are read from it while it has caught up: docs/deployment.md, A read replica. Only ever a copy, so it has no
# standby and no back-ups.
resource "google_sql_database_instance" "replica" {
  count                = var.read_replica ? 1 : 0
  name                 = "leafloaf-replica"
  master_instance_name = google_sql_database_instance.postgres.name
  database_version     = google_sql_database_instance.postgres.database_version
  region               = var.region
  deletion_protection  = false

  settings {
    edition           = "ENTERPRISE"
    tier              = var.database_tier
    availability_type = "ZONAL"
    disk_type         = "PD_SSD"
    disk_autoresize   = true

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.shop.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    # Not fewer than the primary's, or it does not start.
    database_flags {
      name  = "max_connections"
      value = tostring(var.max_connections)
    }

    # So long replay waits for a query; no search takes longer.
    database_flags {
      name  = "max_standby_streaming_delay"
      value = "2000"
    }
  }
}

resource "google_sql_database" "shop" {
  name     = "leafloaf"
  instance = google_sql_database_instance.postgres.name
}

# Sets up and migrates. The application's own role is made by SQL, since one made here could do too much: docs/audit.md.
resource "google_sql_user" "deployer" {
  name                = "deployer"
  instance            = google_sql_database_instance.postgres.name
  password_wo         = var.deployer_password
  password_wo_version = var.deployer_password_version
}
