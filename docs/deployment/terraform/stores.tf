# The bucket and the dataset as `setup_cloud_storage` and `setup_bigquery` want them; those add tables and views.

resource "google_storage_bucket" "events" {
  name                        = "${var.project}-leafloaf-events"
  location                    = upper(var.region)
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  depends_on                  = [google_project_service.used]

  # An erased line must be gone when it is gone: no soft delete, no versions.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  versioning {
    enabled = false
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = var.retention_days
    }
  }

  # An object that was rewritten is as old as the first of its name, and says so by its custom time.
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_custom_time = var.retention_days
    }
  }
}

resource "google_bigquery_dataset" "analytics" {
  dataset_id                 = "leafloaf_analytics"
  location                   = var.region
  max_time_travel_hours      = "48" # the least there is: so long can erased rows be brought back by us
  delete_contents_on_destroy = false
  depends_on                 = [google_project_service.used]
}

# The topic as `setup_pubsub` wants it. Messages stay in the region, whoever publishes or subscribes from where.
resource "google_pubsub_topic" "events" {
  count                      = var.stream ? 1 : 0
  name                       = "leafloaf-events"
  message_retention_duration = "${var.stream_retention_hours * 3600}s"
  depends_on                 = [google_project_service.used]

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}
