output "cell" {
  description = "Id of the cell."
  value       = var.cell.id
}

output "endpoint" {
  description = "Address of the cell's API, for the edge's directory; without a slash at its end."
  value       = local.endpoint
}

output "health_url" {
  description = "Address of the health check."
  value       = "${local.endpoint}/v1/health"
}

output "version" {
  description = "Version that the cell was deployed with."
  value       = var.release.version
}

output "functions" {
  description = "What the functions are called in the cloud, by name."
  value = merge(
    { for name, function in aws_lambda_function.this : name => function.function_name },
    { for name, service in aws_ecs_service.part : name => service.name },
    { for name, _ in local.functions : name => "${local.id}-${name}" if local.in_cluster },
  )
}

output "identities" {
  description = "Identities that the functions run under, by function."
  value = merge(
    { for name, role in aws_iam_role.function : name => role.arn },
    { for name, role in aws_iam_role.task : name => role.arn },
    { for name, _ in local.functions : name => aws_iam_role.cluster[0].arn if local.in_cluster },
  )
}

output "stores" {
  description = "The event log and the state, as the cloud identifies them."
  value       = { events = aws_dynamodb_table.events.arn, state = aws_dynamodb_table.state.arn }
}

output "bus" {
  description = "Topic that events are published to, as the cloud identifies it."
  value       = aws_sns_topic.events.arn
}

output "queues" {
  description = "Queues of each consumer, one in each lane, as the cloud identifies them."
  value       = { for name, queue in aws_sqs_queue.consumer : name => queue.arn }
}

output "alarm_target" {
  description = "Where alarms are sent to, as the cloud identifies it."
  value       = aws_sns_topic.alarms.arn
}

output "logs" {
  description = "Where the functions' logs are, by function; null in a cluster, which has its own."
  value       = { for name, _ in local.functions : name => local.in_cluster ? null : aws_cloudwatch_log_group.function[name].name }
}

output "network" {
  description = "The private network as the cloud identifies it, or null."
  value       = var.private_network ? aws_vpc.cell[0].id : null
}

output "domain_target" {
  description = "What the record of the cell's domain must point to, or null."
  value       = var.cell.domain == null ? null : aws_apigatewayv2_domain_name.cell[0].domain_name_configuration[0].target_domain_name
}

output "settings" {
  description = "The environment of containers in a cluster, without its secrets: what makes the ConfigMap that all parts share."
  value       = local.settings
}

output "deployment" {
  description = "How a release comes into the cell: terraform, one-deploy to the app in the resource group, or cluster; and the image that runs in it, or null."
  value = {
    method         = local.in_cluster ? "cluster" : "terraform"
    app            = null
    resource_group = null
    image          = local.in_functions ? null : var.release.image
  }
}
