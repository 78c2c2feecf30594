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
        "bigquery.tables.updateData", # tabledata.insertAll, Storage Write API. Deletes nothing: that takes a job, which it may not start
      ]
      project = []
      graph = [
        "spanner.databases.beginOrRollbackReadWriteTransaction",
        "spanner.databases.read",   # locks whom it writes, and asks which batches are in
        "spanner.databases.select", # the probe; whether the tables are as they should be
        "spanner.databases.write",  # deletes as well: Spanner has one permission for both
        "spanner.sessions.create",
      ]
      topic = [
        "pubsub.topics.publish", # a message for each event
      ]
      stream = [
        "pubsub.topics.get", # the probe
      ]
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
      graph = [
        "spanner.databases.read",
        "spanner.databases.select", # which batches are in
        "spanner.sessions.create",
      ]
      topic = []
      stream = [
        "pubsub.snapshots.get", # until when one keeps messages
        "pubsub.subscriptions.get",
        "pubsub.topics.get", # how long it keeps messages, and who subscribes to it
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
      graph = [
        "spanner.databases.beginOrRollbackReadWriteTransaction",
        "spanner.databases.write",
        "spanner.sessions.create",
      ]
      topic = [
        "pubsub.topics.publish", # tells subscribers whom to erase
      ]
      stream = [
        "pubsub.snapshots.get", # until when one keeps messages
        "pubsub.subscriptions.get",
        "pubsub.topics.get", # how long it keeps messages, and who subscribes to it
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
      graph = [
        "spanner.databases.read",
        "spanner.databases.select", # how long erased rows can be read by their time
        "spanner.sessions.create",
      ]
      topic = []
      stream = [
        "pubsub.snapshots.get", # until when one keeps messages
        "pubsub.subscriptions.get",
        "pubsub.topics.get", # how long it keeps messages, and who subscribes to it
      ]
    }

    # The release job: `setup_cloud_storage`, `setup_bigquery`, `setup_pubsub` and `setup_spanner`.
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
      graph = [
        "spanner.databaseOperations.get", # whether a change of the tables is done
        "spanner.databases.get",          # it exists
        "spanner.databases.select",       # which tables and columns there are
        "spanner.databases.updateDdl",
        "spanner.sessions.create",
      ]
      topic = []
      stream = [
        "pubsub.snapshots.get",
        "pubsub.subscriptions.get", # which of them keep messages for too long
        "pubsub.topics.create",
        "pubsub.topics.get",
        "pubsub.topics.update", # brings its retention up to date
      ]
    }

    web = { bucket = [], dataset = [], project = [], graph = [], topic = [], stream = [] }
  }

  # The accounts whose tokens the writer may ask for.
  acted_as = toset(["reader", "eraser", "verifier"])

  on_bucket  = { for account, parts in local.permissions : account => parts.bucket if length(parts.bucket) > 0 }
  on_dataset = { for account, parts in local.permissions : account => parts.dataset if length(parts.dataset) > 0 }
  on_project = { for account, parts in local.permissions : account => parts.project if length(parts.project) > 0 }
  on_graph   = { for account, parts in local.permissions : account => parts.graph if var.graph && length(parts.graph) > 0 }
  on_topic   = { for account, parts in local.permissions : account => parts.topic if var.stream && length(parts.topic) > 0 }
  on_stream  = { for account, parts in local.permissions : account => parts.stream if var.stream && length(parts.stream) > 0 }

  # What Celery's transport asks of Pub/Sub where that is the broker, for whoever sends or takes wake-ups.
  broker = {
    accounts = toset(var.broker_on_pubsub ? ["writer", "web"] : [])
    permissions = [
      "pubsub.subscriptions.consume", # takes wake-ups, and acknowledges them
      "pubsub.subscriptions.create",
      "pubsub.subscriptions.delete", # those that end with a process
      "pubsub.subscriptions.update", # each process brings them up to date
      "pubsub.topics.attachSubscription",
      "pubsub.topics.create",
      "pubsub.topics.get",
      "pubsub.topics.publish",
    ]
  }
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

resource "google_project_iam_custom_role" "topic" {
  for_each    = local.on_topic
  role_id     = "leafloaf_${each.key}_topic"
  title       = "LeafLoaf: ${each.key}, topic of events"
  permissions = each.value
}

resource "google_pubsub_topic_iam_member" "account" {
  for_each = local.on_topic
  topic    = google_pubsub_topic.events[0].name
  role     = google_project_iam_custom_role.topic[each.key].id
  member   = google_service_account.account[each.key].member
}

# Subscriptions, snapshots and dead letters are named by those who subscribe.
resource "google_project_iam_custom_role" "stream" {
  for_each    = local.on_stream
  role_id     = "leafloaf_${each.key}_stream"
  title       = "LeafLoaf: ${each.key}, stream of events"
  permissions = each.value
}

resource "google_project_iam_member" "stream" {
  for_each = local.on_stream
  project  = var.project
  role     = google_project_iam_custom_role.stream[each.key].id
  member   = google_service_account.account[each.key].member
}

resource "google_project_iam_custom_role" "broker" {
  count       = var.broker_on_pubsub ? 1 : 0
  role_id     = "leafloaf_broker"
  title       = "LeafLoaf: wake-ups over Pub/Sub"
  permissions = local.broker.permissions
}

resource "google_project_iam_member" "broker" {
  for_each = local.broker.accounts
  project  = var.project
  role     = google_project_iam_custom_role.broker[0].id
  member   = google_service_account.account[each.key].member
}
