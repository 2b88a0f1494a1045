# The cell in containers, where its runtime says so: on Fargate, one service a part, from the image that the release names. Every part that the
# topology declares has one, as it would have a function.

locals {
  containers = { for name, function in local.hosted : name => function if !local.in_functions }

  # What the image's process opens, and the user that it runs as (containers/Dockerfile).
  container_ports = { http = 8080, health = 8081 }
  container_user  = "65532:65532"

  # Longer than a container takes to end in order: 5 s until it is not sent to, and 40 s for what is under way.
  container_stop_seconds = 60

  # Fargate pairs memory and processors.
  container_sizes = {
    for name, part in local.containers : name => {
      cpu    = coalesce(try(var.options.containers[name].cpu, null), part.limits.memoryMegabytes <= 2048 ? 256 : part.limits.memoryMegabytes <= 4096 ? 512 : part.limits.memoryMegabytes <= 8192 ? 1024 : 2048)
      memory = min([for size in [512, 1024, 2048, 4096, 8192, 16384] : size if size >= max(part.limits.memoryMegabytes, 2 * coalesce(try(var.options.containers[name].cpu, null), 256))]...)
    }
  }

  # Of an environment, what is a secret, and what the container itself knows.
  secret_variables = ["APP_IDENTITY_KEY", "OTEL_EXPORTER_OTLP_HEADERS"]
  part_variables   = ["APP_CONSUMER"]

  # What containers read beside the environment of their function.
  container_environment = {
    AWS_REGION      = local.region
    APP_HEALTH_PORT = tostring(local.container_ports.health)
  }

  http_container_environment   = { APP_PORT = tostring(local.container_ports.http) }
  worker_container_environment = { APP_QUEUES = "https://sqs.${local.region}.${data.aws_partition.current.dns_suffix}/${local.account}/${local.id}" }

  # The stream's private endpoint has no private name (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/privatelink-streams.html).
  relay_container_environment = { AWS_ENDPOINT_URL_DYNAMODB_STREAMS = try("https://${aws_vpc_endpoint.stream[0].dns_entry[0].dns_name}", null) }

  container_environments = {
    for name, part in local.containers : name => merge(
      { for key, value in merge(local.shared_environment, part.environment) : key => value if !contains(concat(local.secret_variables, local.part_variables), key) },
      local.container_environment,
      { http = local.http_container_environment, relay = local.relay_container_environment, worker = local.worker_container_environment }[part.bundle],
      { APP_RUN = name },
    )
  }

  # The secrets that there are, and which of them a part reads. Whether there are headers is no secret.
  secrets = { for key, value in { APP_IDENTITY_KEY = true, OTEL_EXPORTER_OTLP_HEADERS = nonsensitive(var.telemetry_headers != "") } : key => lower(replace(key, "_", "-")) if value && local.in_fargate }

  secret_values = { APP_IDENTITY_KEY = var.identity_key, OTEL_EXPORTER_OTLP_HEADERS = var.telemetry_headers }

  container_secrets = {
    for name, part in local.containers : name => { for key, _ in local.secrets : key => aws_secretsmanager_secret.cell[key].arn if contains(keys(merge(local.shared_environment, part.environment)), key) }
  }

  # A container asks its own process whether it lives; nothing else is in the image to ask with.
  container_health = ["CMD", "node", "-e", "fetch('http://127.0.0.1:${local.container_ports.health}/healthz').then((a)=>process.exit(a.ok?0:1),()=>process.exit(1))"]
}

resource "aws_ecs_cluster" "cell" {
  count = local.in_fargate ? 1 : 0
  name  = local.id
  tags  = local.tags

  # What alarms and dashboard go by is there without it.
  setting {
    name  = "containerInsights"
    value = "disabled"
  }
}

resource "aws_secretsmanager_secret" "cell" {
  for_each = local.secrets
  # A name whose secret was removed stays taken for days.
  name_prefix             = "${local.id}-${each.value}-"
  description             = "${each.key} of the cell's containers; Terraform writes it."
  kms_key_id              = local.kms_key_arn
  recovery_window_in_days = 7
  tags                    = local.tags
}

resource "aws_secretsmanager_secret_version" "cell" {
  for_each      = aws_secretsmanager_secret.cell
  secret_id     = each.value.id
  secret_string = local.secret_values[each.key]
}

resource "aws_ecs_task_definition" "part" {
  for_each                 = local.containers
  family                   = "${local.id}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = local.container_sizes[each.key].cpu
  memory                   = local.container_sizes[each.key].memory
  task_role_arn            = aws_iam_role.task[each.key].arn
  execution_role_arn       = aws_iam_role.start[each.key].arn
  # A deployment that fails goes back to the one before, which must still be there.
  skip_destroy = true
  tags         = local.tags

  runtime_platform {
    cpu_architecture        = "ARM64"
    operating_system_family = "LINUX"
  }

  container_definitions = jsonencode([{
    name                   = "polycell"
    image                  = var.release.image
    essential              = true
    user                   = local.container_user
    readonlyRootFilesystem = true
    stopTimeout            = local.container_stop_seconds
    linuxParameters        = { capabilities = { add = [], drop = ["ALL"] }, initProcessEnabled = false }
    environment            = [for key in sort(keys(local.container_environments[each.key])) : { name = key, value = local.container_environments[each.key][key] }]
    # With the version, so that another value is another deployment.
    secrets      = [for key in sort(keys(local.container_secrets[each.key])) : { name = key, valueFrom = "${local.container_secrets[each.key][key]}:::${aws_secretsmanager_secret_version.cell[key].version_id}" }]
    portMappings = [for name, port in local.container_ports : { name = name, containerPort = port, hostPort = port, protocol = "tcp" } if name == "health" || each.key == "http"]
    healthCheck  = { command = local.container_health, interval = 30, timeout = 10, retries = 3, startPeriod = 60 }
    mountPoints  = []
    volumesFrom  = []

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.function[each.key].name
        awslogs-region        = local.region
        awslogs-stream-prefix = each.key
        # A cell goes on while its log cannot be written.
        mode            = "non-blocking"
        max-buffer-size = "25m"
      }
    }
  }])
}

resource "aws_ecs_service" "part" {
  for_each                           = local.containers
  name                               = "${local.id}-${each.key}"
  cluster                            = aws_ecs_cluster.cell[0].id
  task_definition                    = aws_ecs_task_definition.part[each.key].arn
  desired_count                      = local.container_counts[each.key].minimum
  launch_type                        = "FARGATE"
  availability_zone_rebalancing      = "ENABLED"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = each.key == "http" ? 60 : null
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  # An apply fails where a release does not start, and the pipeline takes the one before back.
  wait_for_steady_state = true
  tags                  = local.tags

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = values(aws_subnet.private)[*].id
    security_groups  = [aws_security_group.functions[0].id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = each.key == "http" ? [aws_lb_target_group.http[0].arn] : []
    content {
      target_group_arn = load_balancer.value
      container_name   = "polycell"
      container_port   = local.container_ports.http
    }
  }

  lifecycle {
    # It is scaled by what it has to do.
    ignore_changes = [desired_count]

    # A deployment that ECS has taken back is steady, too (https://github.com/hashicorp/terraform-provider-aws/issues/20858).
    postcondition {
      condition     = self.task_definition == aws_ecs_task_definition.part[each.key].arn
      error_message = "ECS has taken the deployment of ${each.key} back: its containers did not become healthy."
    }
  }

  # A container that starts before it may call what it calls ends, and the deployment with it.
  depends_on = [
    aws_dynamodb_table.state,
    aws_iam_role_policy.task,
    aws_iam_role_policy.start,
    aws_lb_listener.http,
    aws_route.outward,
    aws_route.public,
    aws_route_table_association.private,
    aws_route_table_association.public,
    aws_sns_topic_subscription.consumer,
    aws_vpc_endpoint.dynamodb,
    aws_vpc_endpoint.images,
    aws_vpc_endpoint.interface,
    aws_vpc_security_group_egress_rule.balancer,
    aws_vpc_security_group_egress_rule.dynamodb,
    aws_vpc_security_group_egress_rule.endpoints,
    aws_vpc_security_group_egress_rule.images,
    aws_vpc_security_group_egress_rule.outward,
    aws_vpc_security_group_ingress_rule.containers,
    aws_vpc_security_group_ingress_rule.functions,
  ]
}
