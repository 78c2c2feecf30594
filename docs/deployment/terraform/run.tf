locals {
  # Every process's environment: .env.example says what each variable means.
  environment = {
    ALLOWED_HOSTS           = var.host
    CSRF_TRUSTED_ORIGINS    = "https://${var.host}"
    BEHIND_TLS_PROXY        = "true"
    TRUSTED_PROXIES         = "2" # the load balancer adds the caller's address and its own
    REDIS_ENABLED           = "true"
    CLOUD_STORAGE_ENABLED   = "true"
    CLOUD_STORAGE_BUCKET    = google_storage_bucket.events.name
    ENABLE_BIGQUERY         = "true"
    BIGQUERY_PROJECT        = var.project
    BIGQUERY_DATASET        = google_bigquery_dataset.analytics.dataset_id
    BIGQUERY_LOCATION       = var.region
    ENABLE_SPANNER          = var.graph ? "true" : "false"
    SPANNER_PROJECT         = var.graph ? var.project : ""
    SPANNER_INSTANCE        = var.graph ? "leafloaf" : ""
    ENABLE_PUBSUB           = var.stream ? "true" : "false"
    PUBSUB_PROJECT          = var.stream ? var.project : ""
    PUBSUB_RETENTION_HOURS  = tostring(var.stream_retention_hours)
    CELERY_BROKER_URL       = var.broker_on_pubsub ? "gcpubsub://projects/${var.project}" : "" # Redis
    GOOGLE_READER_ACCOUNT   = google_service_account.account["reader"].email
    GOOGLE_ERASER_ACCOUNT   = google_service_account.account["eraser"].email
    GOOGLE_VERIFIER_ACCOUNT = google_service_account.account["verifier"].email
  }

  secret_environment = {
    SECRET_KEY   = "secret-key"
    DATABASE_URL = "database-url"
    REDIS_URL    = "redis-url"
  }

  # The scheduler needs none.
  web_secret_environment = merge(local.secret_environment, var.read_replica ? { DATABASE_REPLICA_URL = "replica-url" } : {})
  background_secret_environment = {
    worker = merge(local.secret_environment, var.read_replica ? { DATABASE_REPLICA_URL = "worker-replica-url" } : {})
    beat   = local.secret_environment
  }

  release_secret_environment = merge(local.secret_environment, { DATABASE_URL = "release-database-url" })
}

# Where the image is pushed to: Cloud Run reads what is in its own project.
resource "google_artifact_registry_repository" "images" {
  location      = var.region
  repository_id = "leafloaf"
  format        = "DOCKER"
  depends_on    = [google_project_service.used]
}

# Google's own lines about requests have addresses of shoppers and whole query strings: the application's have neither
# (docs/logs.md).
resource "google_logging_project_exclusion" "requests" {
  name        = "leafloaf-requests"
  description = "Addresses of shoppers and query strings"
  filter      = "resource.type=\"cloud_run_revision\" AND log_id(\"run.googleapis.com/requests\")"
  depends_on  = [google_project_service.used]
}

resource "google_cloud_run_v2_service" "web" {
  name                = "leafloaf-web"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  deletion_protection = true
  depends_on          = [google_secret_manager_secret_iam_member.reader, google_logging_project_exclusion.requests]

  template {
    service_account                  = google_service_account.account["web"].email
    max_instance_request_concurrency = 40 # what two processes work on, and what may wait for its turn: docs/load.md
    timeout                          = "30s"

    scaling {
      min_instance_count = var.web_instances.min
      max_instance_count = var.web_instances.max
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"

      network_interfaces {
        network    = google_compute_network.shop.id
        subnetwork = google_compute_subnetwork.run.id
      }
    }

    containers {
      image = var.image
      args  = ["web"]

      ports {
        container_port = 8000
      }

      resources {
        limits   = { cpu = "2", memory = "2Gi" }
        cpu_idle = false # recommendations and the look-out for Postgres have threads of their own
      }

      startup_probe {
        period_seconds    = 5
        failure_threshold = 24

        tcp_socket {
          port = 8000
        }
      }

      dynamic "env" {
        for_each = local.environment
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.web_secret_environment
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.secret[env.value].secret_id
              version = "latest"
            }
          }
        }
      }
    }
  }
}

# Anybody may call the shop; what they may do there is said by keys (docs/access.md).
resource "google_cloud_run_v2_service_iam_member" "anybody" {
  name     = google_cloud_run_v2_service.web.name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}

resource "google_cloud_run_v2_worker_pool" "background" {
  # One scheduler, never two: a second would send every wake-up twice.
  for_each = {
    worker = { account = "writer", instances = var.worker_instances, memory = "2Gi" }
    beat   = { account = "web", instances = 1, memory = "512Mi" }
  }
  name                = "leafloaf-${each.key}"
  location            = var.region
  deletion_protection = true
  depends_on          = [google_secret_manager_secret_iam_member.reader]

  scaling {
    manual_instance_count = each.value.instances
  }

  template {
    service_account = google_service_account.account[each.value.account].email

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"

      network_interfaces {
        network    = google_compute_network.shop.id
        subnetwork = google_compute_subnetwork.run.id
      }
    }

    containers {
      image = var.image
      args  = [each.key]

      resources {
        limits = { cpu = "1", memory = each.value.memory }
      }

      dynamic "env" {
        for_each = local.environment
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.background_secret_environment[each.key]
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.secret[env.value].secret_id
              version = "latest"
            }
          }
        }
      }
    }
  }
}

# Gets a new image and is run before the others get it: docs/deployment.md, Releases.
resource "google_cloud_run_v2_job" "release" {
  name                = "leafloaf-release"
  location            = var.region
  deletion_protection = true
  depends_on          = [google_secret_manager_secret_iam_member.reader]

  template {
    template {
      service_account = google_service_account.account["release"].email
      max_retries     = 0
      timeout         = "3600s"

      vpc_access {
        egress = "PRIVATE_RANGES_ONLY"

        network_interfaces {
          network    = google_compute_network.shop.id
          subnetwork = google_compute_subnetwork.run.id
        }
      }

      containers {
        image = var.image
        args  = ["release"]

        resources {
          limits = { cpu = "1", memory = "1Gi" }
        }

        env {
          name  = "APPLICATION_ROLE"
          value = "leafloaf_app"
        }

        dynamic "env" {
          for_each = local.environment
          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "env" {
          for_each = local.release_secret_environment
          content {
            name = env.key
            value_source {
              secret_key_ref {
                secret  = google_secret_manager_secret.secret[env.value].secret_id
                version = "latest"
              }
            }
          }
        }
      }
    }
  }
}
