output "address" {
  description = "Where var.host has to lead, as an A record."
  value       = google_compute_global_address.front.address
}

output "database_host" {
  description = "For database-url and release-database-url."
  value       = google_sql_database_instance.postgres.private_ip_address
}

output "replica_host" {
  description = "For replica-url and worker-replica-url, where there is a replica."
  value       = one(google_sql_database_instance.replica[*].private_ip_address)
}

output "redis_host" {
  description = "For redis-url; the password: gcloud redis instances get-auth-string leafloaf --region REGION."
  value       = google_redis_instance.redis.host
}

output "accounts" {
  description = "The service accounts by what they do."
  value       = { for name, account in google_service_account.account : name => account.email }
}
