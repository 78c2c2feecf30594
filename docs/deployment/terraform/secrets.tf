# The places of the secrets. What is in them is written by hand (docs/deployment.md), so that no state holds it.
locals {
  # Each secret, and which accounts read it.
  secrets = merge({
    secret-key           = ["web", "writer", "release"]
    database-url         = ["web", "writer"]
    release-database-url = ["release"]
    redis-url            = ["web", "writer", "release"]
    }, var.read_replica ? {
    replica-url        = ["web"]    # as leafloaf_reader
    worker-replica-url = ["writer"] # as leafloaf_verifier, which sees whether people are erased there, too
  } : {})

  secret_readers = merge([
    for secret, readers in local.secrets : {
      for reader in readers : "${secret} ${reader}" => { secret = secret, reader = reader }
    }
  ]...)
}

resource "google_secret_manager_secret" "secret" {
  for_each   = local.secrets
  secret_id  = "leafloaf-${each.key}"
  depends_on = [google_project_service.used]

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each  = local.secret_readers
  secret_id = google_secret_manager_secret.secret[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.account[each.value.reader].member
}
