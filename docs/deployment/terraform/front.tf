# TLS ends at the load balancer. Whether it reads requests whole before it passes them on was not tried:
# docs/security.md, Requests.
resource "google_compute_global_address" "front" {
  name       = "leafloaf-front"
  depends_on = [google_project_service.used]
}

resource "google_compute_managed_ssl_certificate" "front" {
  name = "leafloaf-front"

  managed {
    domains = [var.host]
  }
}

resource "google_compute_region_network_endpoint_group" "web" {
  name                  = "leafloaf-web"
  region                = var.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloud_run_v2_service.web.name
  }
}

resource "google_compute_backend_service" "web" {
  name                  = "leafloaf-web"
  protocol              = "HTTPS"
  load_balancing_scheme = "EXTERNAL_MANAGED"

  backend {
    group = google_compute_region_network_endpoint_group.web.id
  }

  # It would have addresses of shoppers and whole query strings: docs/logs.md.
  log_config {
    enable = false
  }
}

resource "google_compute_url_map" "front" {
  name            = "leafloaf-front"
  default_service = google_compute_backend_service.web.id
}

resource "google_compute_target_https_proxy" "front" {
  name             = "leafloaf-front"
  url_map          = google_compute_url_map.front.id
  ssl_certificates = [google_compute_managed_ssl_certificate.front.id]
}

resource "google_compute_global_forwarding_rule" "front" {
  name                  = "leafloaf-front"
  target                = google_compute_target_https_proxy.front.id
  ip_address            = google_compute_global_address.front.id
  port_range            = "443"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}
