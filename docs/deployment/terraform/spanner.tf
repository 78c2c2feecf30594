# The graph memory in Spanner (docs/graph.md), where `graph` asks for it: the smallest instance there is, in the edition
# that knows property graphs, and the database, whose tables `setup_spanner` makes.

resource "google_spanner_instance" "leafloaf" {
  count            = var.graph ? 1 : 0
  name             = "leafloaf"
  config           = "regional-${var.region}"
  display_name     = "LeafLoaf"
  edition          = "ENTERPRISE"
  processing_units = 100
  depends_on       = [google_project_service.used]

  # A back-up would keep who is erased; Postgres, of which this is a copy, has its own.
  default_backup_schedule_type = "NONE"
}

resource "google_spanner_database" "leafloaf" {
  count                    = var.graph ? 1 : 0
  instance                 = google_spanner_instance.leafloaf[0].name
  name                     = "leafloaf"
  version_retention_period = "1h" # the least there is: so long can erased rows be read by their time
  deletion_protection      = true
}

resource "google_project_iam_custom_role" "graph" {
  for_each    = local.on_graph
  role_id     = "leafloaf_${each.key}_graph"
  title       = "LeafLoaf: ${each.key}, graph"
  permissions = each.value
}

resource "google_spanner_database_iam_member" "account" {
  for_each = local.on_graph
  instance = google_spanner_instance.leafloaf[0].name
  database = google_spanner_database.leafloaf[0].name
  role     = google_project_iam_custom_role.graph[each.key].id
  member   = google_service_account.account[each.key].member
}
