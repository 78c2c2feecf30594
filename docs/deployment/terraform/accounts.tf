# Who may do what. The worker runs as `writer` and acts as the three others for what only they may do; the web and the
# scheduler run as `web`, which has nothing to do with bucket and dataset. `tests/deployment/test_accounts.py` takes
# these lists and runs deliveries, recounts, erasures, re-readings and exports against servers that refuse what is not
# in them.
locals {
  permissions = {
    # Delivers. Adds objects and rows; can neither read, replace nor delete one.
    writer = {
      bucket = [
        "storage.buckets.get",    # Test connection, and the probe of a sink that failed
        "storage.objects.create", # a batch's object; training data of a day
      ]
      dataset = [
        "bigquery.tables.get",        # the probe; whether a table that refuses rows is as the vocabulary has it
        "bigquery.tables.updateData", # tabledata.insertAll. Deletes nothing: that takes a job, which it may not start
      ]
      project = []
    }

    # Looks for what is there: before a batch is sent again, when batches are recounted, for exports and plans.
    reader = {
      bucket = [
        "storage.objects.get",
        "storage.objects.list",
      ]
      dataset = [
        "bigquery.tables.get", # how many rows there are in all
        "bigquery.tables.getData",
        "bigquery.tables.list", # which tables exist
      ]
      project = [
        "bigquery.jobs.create", # queries
      ]
    }

    # Takes out what is a person's, and puts a batch in the place of what an earlier attempt stored of it.
    eraser = {
      bucket = [
        "storage.objects.create", # an object without their lines; replacing takes delete, too
        "storage.objects.delete",
        "storage.objects.get",
        "storage.objects.list", # which batches were sealed lately, and older generations
      ]
      dataset = [
        "bigquery.tables.get", # whether rows are still in the streaming buffer
        "bigquery.tables.getData",
        "bigquery.tables.list",
        "bigquery.tables.updateData", # DELETE
      ]
      project = [
        "bigquery.jobs.create",
      ]
    }

    # Reads again what should be gone, and can change nothing.
    verifier = {
      bucket = [
        "storage.objects.get",
        "storage.objects.list", # soft-deleted ones, too
      ]
      dataset = [
        "bigquery.datasets.get", # how long time travel reaches back
        "bigquery.tables.getData",
        "bigquery.tables.list",
      ]
      project = [
        "bigquery.jobs.create",
      ]
    }

    # The release job: `setup_cloud_storage` and `setup_bigquery`.
    release = {
      bucket = [
        "storage.buckets.get",
        "storage.buckets.update", # brings the bucket's rules up to date
      ]
      dataset = [
        "bigquery.datasets.get", # when it exists already, as it does
        "bigquery.tables.create",
        "bigquery.tables.get",
        "bigquery.tables.getData", # a view may be made only of what can be read
        "bigquery.tables.update",  # new columns, new queries of views
      ]
      project = [
        "bigquery.datasets.create", # asked for each time; the answer is that it exists
      ]
    }

    web = { bucket = [], dataset = [], project = [] }
  }

  # The accounts whose tokens the writer may ask for.
  acted_as = toset(["reader", "eraser", "verifier"])

  on_bucket  = { for account, parts in local.permissions : account => parts.bucket if length(parts.bucket) > 0 }
  on_dataset = { for account, parts in local.permissions : account => parts.dataset if length(parts.dataset) > 0 }
  on_project = { for account, parts in local.permissions : account => parts.project if length(parts.project) > 0 }
}

resource "google_service_account" "account" {
  for_each     = local.permissions
  account_id   = "leafloaf-${each.key}"
  display_name = "LeafLoaf: ${each.key}"
  depends_on   = [google_project_service.used]
}

resource "google_project_iam_custom_role" "bucket" {
  for_each    = local.on_bucket
  role_id     = "leafloaf_${each.key}_bucket"
  title       = "LeafLoaf: ${each.key}, bucket"
  permissions = each.value
}

resource "google_storage_bucket_iam_member" "account" {
  for_each = local.on_bucket
  bucket   = google_storage_bucket.events.name
  role     = google_project_iam_custom_role.bucket[each.key].id
  member   = google_service_account.account[each.key].member
}

resource "google_project_iam_custom_role" "dataset" {
  for_each    = local.on_dataset
  role_id     = "leafloaf_${each.key}_dataset"
  title       = "LeafLoaf: ${each.key}, dataset"
  permissions = each.value
}

resource "google_bigquery_dataset_iam_member" "account" {
  for_each   = local.on_dataset
  dataset_id = google_bigquery_dataset.analytics.dataset_id
  role       = google_project_iam_custom_role.dataset[each.key].id
  member     = google_service_account.account[each.key].member
}

resource "google_project_iam_custom_role" "project" {
  for_each    = local.on_project
  role_id     = "leafloaf_${each.key}_project"
  title       = "LeafLoaf: ${each.key}, project"
  permissions = each.value
}

resource "google_project_iam_member" "account" {
  for_each = local.on_project
  project  = var.project
  role     = google_project_iam_custom_role.project[each.key].id
  member   = google_service_account.account[each.key].member
}

resource "google_project_iam_custom_role" "act_as" {
  role_id     = "leafloaf_act_as"
  title       = "LeafLoaf: tokens of another account"
  permissions = ["iam.serviceAccounts.getAccessToken"]
}

resource "google_service_account_iam_member" "writer_acts_as" {
  for_each           = local.acted_as
  service_account_id = google_service_account.account[each.key].name
  role               = google_project_iam_custom_role.act_as.id
  member             = google_service_account.account["writer"].member
}
